"""The words of customer service in German, French, Spanish and Chinese -> English, so that a question in a language the
documents are not written in still finds them.

Pure. Word by word, good enough to find a page and no more: what is shown to a customer never comes from here. Set a
multilingual embedder (docs/documents.md) and this hardly matters.
"""

import re
from functools import lru_cache
from typing import Final

from finetune.terms import normalise

# English | German | French | Spanish | Chinese. A form matches the beginning of a word; Chinese anywhere.
_ROWS: Final = """
return send back|zurückschick,zurücksend,rückgabe,rückgeb,retoure,retournier,zurückgeb,umtausch|retour,renvoy,rendre|devol,devuelv|退货,退回
refund money back|erstatt,geld zurück,rückerstatt|rembours|reembols|退款,退钱
exchange|umtausch,tauschen|échang|cambi|换货,换码,调换
worn|getragen|porté|usad,llevad|穿过,穿了
unworn new|ungetragen,neu|neuf,neuve|nuev,sin usar|没穿,全新
how long days|wie lange,wie viele tage|combien de temps,quel délai,combien de jours,sous combien|cuánto tiempo,cuánto tarda,cuántos días|多久,几天
how much cost price|was kostet,wie viel kostet,wieviel,kosten,preis|combien coûte,coût,prix,tarif|cuánto cuesta,coste,costo,precio|多少钱,费用,价格,邮费,运费
shipping delivery|versand,liefer,verschick,porto|livraison,expédi,envoi,envoy,livrer,port|envío,envia,entrega,enviar,envío|配送,送货,发货,邮寄,快递
free|kostenlos,gratis,umsonst|gratuit|gratis,gratuit|免费,包邮
order|bestell|command|pedid|订单,下单
cancel|stornier,abbestell,kündig|annul|cancel,anul|取消
change|änder|modifi,chang|modific|修改,更改
address|adresse,anschrift|adresse|direcci|地址
parcel|paket,sendung|colis|paquete|包裹
track tracking|verfolg,sendungsnummer|suivi,suivre|seguimiento,rastre|物流,追踪,查询
lost missing|verloren,fehlt,nicht angekommen|perdu,manqu,pas arrivé|perdid,falta,no ha llegado|丢失,没收到
damaged broken|beschädigt,kaputt,defekt|endommag,cassé,abîm,défectueu|dañad,rot,defectuos|损坏,坏了,破了
warranty guarantee|garantie,gewährleist|garanti|garantía|保修,质保
repair|repar,reparier|répar|repar|维修,修理
pay payment|zahl,bezahl|pay,paie,paiement,régl|pag|付款,支付
credit card|kreditkarte|carte|tarjeta|信用卡,刷卡
cash|bar zahlen,bargeld|espèces,liquide|efectivo|现金
cryptocurrency|krypto,bitcoin|crypto,bitcoin|cripto,bitcoin|加密货币,比特币
bank transfer|überweis|virement|transferencia|转账,汇款
instalments|raten|plusieurs fois,mensualit|plazos,cuotas|分期
invoice receipt|rechnung,quittung|facture,reçu|factura,recibo|发票,抬头
gift card|geschenkkarte,gutschein|carte cadeau,bon cadeau,chèque cadeau|tarjeta regalo,tarjeta de regalo|礼品卡
gift present|geschenk|cadeau|regalo|礼物
discount|rabatt,ermäßig,nachlass|réduction,remise,rabais|descuento,rebaja|折扣,优惠
code coupon|gutscheincode|code promo|código,cupón|优惠码,优惠券
student|student,schüler|étudiant|estudiant|学生
loyalty programme points|treue,punkte|fidélité,points|puntos,fidel|积分,会员
member membership|mitglied|membre,adhér|miembro,socio|会员
account|konto|compte|cuenta|账户,账号,帐号
password|passwort,kennwort|mot de passe|contraseña|密码
log in sign in|einlogg,anmeld,login|connect,connexion|iniciar sesión,acceder|登录
delete|lösch|supprim,effac|borrar,elimin|删除,注销
data privacy|daten,datenschutz|données,confidential|datos,privacidad|数据,隐私
e-mail|e-mail,mail|e-mail,courriel|correo|邮箱,邮件
phone telephone|telefon,anruf|téléphone,appel|teléfono,llamar|电话
contact support|kontakt,kundendienst,kundenservice|contact,service client|contact,atención al cliente|客服,联系
person human|mitarbeiter,mensch|humain,conseiller|persona,agente|人工
store shop|laden,filiale,geschäft,shop|magasin,boutique|tienda|门店,店
opening hours open|öffnungszeit,geöffnet,offen,aufhaben,öffne|horaire,ouvert,ouvre|horario,abiert,abre|营业时间,开门,几点
closed|geschlossen,zu haben|fermé|cerrad|关门,休息
today|heute|aujourd'hui|hoy|今天
Sunday|sonntag|dimanche|domingo|周日,星期天,星期日
Saturday|samstag|samedi|sábado|周六,星期六
Monday|montag|lundi|lunes|周一,星期一
holiday|feiertag|férié|festivo|节假日,假期
where|wo |où |dónde|哪里,在哪
size fit|größe,passt,passform|taille,pointure|talla,número|尺码,码数,尺寸
shoes|schuh|chaussure|zapat|鞋
boots|stiefel,wanderschuh,bergschuh|botte,chaussures de randonnée|bota|靴,登山鞋
hiking boots|wanderschuh|randonnée|senderismo,montaña|徒步
sandals|sandale|sandale|sandalia|凉鞋
jacket|jacke|veste|chaqueta|外套,夹克
tent|zelt|tente|tienda de campaña,carpa|帐篷
backpack|rucksack|sac à dos|mochila|背包
socks|socke|chaussette|calcetín,calcetines|袜
stove|kocher|réchaud|hornillo,cocina|炉
headlamp|stirnlampe|lampe frontale|linterna frontal|头灯
children kids|kinder,kind|enfant|niñ|孩子,儿童,小孩
waterproof|wasserdicht|imperméable,étanche|impermeable|防水
wash clean|wasch,reinig|lav,nettoy|lavar,limpi|洗,清洁
care|pflege|entretien|cuidado|保养
weight|gewicht,wiegt,schwer|poids,pèse|peso,pesa|多重,重量
colour|farbe|couleur|color|颜色
stock available|verfügbar,lager,vorrätig|disponible,stock|disponible,existencias|有货,库存
rent rental hire|miet,leih|louer,location|alquil|租
night|nacht,nächte|nuit|noche|一晚,每晚
business companies|firma,unternehmen,geschäftskund|entreprise,société|empresa|企业,公司
school|schule|école|escuela|学校
quantity discount|mengenrabatt|remise quantité|por volumen|批量,采购,团购
customs duties|zoll|douane|aduana,arancel|关税,海关
tax|steuer,mwst|taxe,tva|impuesto,iva|税
express|express|express|exprés,urgente|加急,特快
job career apply|stelle,bewerb,arbeiten bei|emploi,postul,recrut|empleo,trabajo,solicitud|招聘,应聘,工作
event walk|veranstaltung,wanderung|événement,sortie|evento,excursión|活动
vegan|vegan|végan,vegan|vegan|素食,纯素
leather|leder|cuir|cuero,piel|皮革,真皮
made manufactured|hergestellt,produziert|fabriqu|fabric|生产,产地
recycled environment|recycel,umwelt|recycl,environnement|recicl,medio ambiente|回收,环保
wind|wind|vent|viento|抗风,风速,几级风
snow|schnee|neige|nieve|雪
fuel gas|gas|gaz|gas|气罐,燃料
battery|batterie,akku|batterie,pile|batería,pila|电池
charge|aufladen,laden|recharg|cargar|充电
outgrown|herausgewachsen|trop petit|pequeñ|穿不下,长大
points expire|verfall|expir|caduc|过期,有效期
sign up newsletter|newsletter|newsletter|boletín|订阅
safety recall|rückruf|rappel|retirada|召回
dog|hund|chien|perro|狗
parking|park|parking,stationn|aparcamiento|停车
half price|halber preis|moitié prix|mitad de precio|半价
"""
_COLUMNS: Final = ("de", "fr", "es", "zh")


@lru_cache(maxsize=len(_COLUMNS))
def _table(language: str) -> tuple[re.Pattern[str], tuple[tuple[str, str], ...]]:
    """(pattern of all forms, (form, English) longest first)."""
    forms: dict[str, str] = {}
    for row in _ROWS.strip().splitlines():
        english, *others = row.split("|")
        for form in others[_COLUMNS.index(language)].split(","):
            key = normalise(form).strip()
            forms[key] = f"{forms[key]} {english}" if key in forms else english
    ordered = sorted(forms.items(), key=lambda pair: -len(pair[0]))
    start = "" if language == "zh" else r"(?<!\w)"
    return re.compile(start + "(" + "|".join(re.escape(form) for form, _english in ordered) + ")"), tuple(ordered)


def in_english(question: str, language: str) -> str:
    """English words for those of `question` that are known, in its order; empty for an unlisted language.

    A German compound counts by its beginning: "Rückgabefrist" is found under "rückgabe".
    """
    if language not in _COLUMNS:
        return ""
    pattern, forms = _table(language)
    meaning = dict(forms)
    found = [meaning[match[1]] for match in pattern.finditer(normalise(question))]
    return " ".join(dict.fromkeys(" ".join(found).split()))
