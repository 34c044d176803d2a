"""Words without content of their own: what a question and every document share.

Data only; `terms` decides what to do with it.
"""

from typing import Final

ENGLISH: Final = frozenset(
    """
    a about actually after again ah all also am an and any anyone anything are aren't as at ahead available be
    because been before being but by bye can can't cannot case could couldn't did didn't do does doesn't doing
    don't done each either else etc even ever every everything exactly far few find for from further get gets
    getting give given go going good got had hadn't has hasn't have haven't having he hello help helping her
    here hers hey hi him his hope how how's however i i'd i'll i'm i've if in inside instead into is isn't it
    it'd it'll it's its just kind kindly know let let's like little long look looking lot made make makes
    making many may maybe me mean mine more most much must my myself need needed needs no nor not now of off
    oh ok okay on once one ones only onto or other others our ours out over own per perhaps please possible
    possibly put quite rather really regarding right same say see seem shall she should shouldn't so some
    someone something soon sorry still such sure take takes tell than thank thanks that that's the their
    theirs them then there there's these they they'd they'll they're they've thing things think this those
    though through to too try trying under until up upon us use used using usually very via want wanted wants
    was wasn't way we we'd we'll we're we've well were weren't what what's whatever when when's whenever where
    where's whether which while who who's whom whose why will wish with within without won't would wouldn't
    yeah yes yet you you'd you'll you're you've your yours yourself
    """.split()
)
# How a thing is told and who was there: a story around a question, which no document needs to hold.
STORY: Final = frozenset(
    """
    afternoon ago already always anymore anyway aunt bad basically best better big biggest bit boss boyfriend
    brother brought came certain colleague come comes coming complain completely cousin dad decide decided
    different doesnt dont easy end enough evening exact family fast father feel felt finally first folks found
    friend friends full gave girlfriend give given gone grandma grandpa great guess guy guys happened happens
    hard havent hear heard husband im instead isnt ive keep kept kinda last lately later least left less lets
    liked lots love maybe min mine mom morning most mother move moved mum nd near neighbor neighbour never new
    next nice normally often parents partner past pretty probably problem question rd read real reason
    recently remember right said saw say saying says second seen sell selling sells several show shows simply since sister small
    somewhere son special st start started still strong stuff suddenly suppose supposed sure talk tell th
    thinking thought today together told tomorrow tonight took total tried true try trying turn turned type
    typed uncle understand unfair ur usual usually wanna wanted went whats whether whole wife wonder wondering
    wont works worried worry worse worst wrong yesterday yet youre
    """.split()
)
# German, French, Spanish: enough that a question in them is not all content.
OTHER: Final = frozenset(
    """
    der die das den dem des ein eine einen einem einer und oder aber ich du er sie es wir ihr ist sind war bin
    hat haben habe kann können konnte wie was wann wo wer warum welche welcher welches mit von zu zum zur für
    auf an in im bei nach aus über unter nicht kein keine mein meine meinen meiner ihre ihren mir mich dich
    uns bitte man auch noch gibt wenn dass daß lange viel viele le la les un une de et ou mais je tu il elle
    nous vous ils elles est sont suis ai a avez avoir être dans sur pour par avec sans ne pas mon ma mes votre
    vos notre nos ce cette ces que qui quoi quand où comment pourquoi quel quelle quels quelles combien si
    puis peut peux pouvez puis-je est-ce el los las una unos unas y o pero yo tú él ella nosotros son soy está
    están he ha han tener tengo en para por con sin no mi mis su sus este esta estos estas qué quién cuándo
    dónde cómo cuánto cuánta cuántos cual cuál puedo puede hay al del se lo me te
    """.split()
)
# Words that carry no content in a Chinese question, both scripts; they cut the text into runs.
CHINESE: Final = tuple(
    """
    请问 你好 您好 谢谢 想问 一下 想知道 告诉我 我想 我要 能不能 可不可以 可以 是否 是不是 有没有 什么时候 什么 怎么样 怎么 怎样 如何 为什么 为何 哪里 哪儿 哪个 哪些 哪一 哪 多少 多久
    多长时间 多长 几天 几个 几点 几 谁 吗 呢 吧 啊 呀 了 的 地 得 着 过 是 在 有 和 与 及 或者 或 以及 也 都 就 还 但是 但 而 被 把 对 从 到 给 让 向 我们 你们 他们 她们
    它们 我 你 您 他 她 它 这个 那个 这些 那些 这 那 其 之 于 以 并 需要 应该 会 能够 能 要 想 如果 的话 因为 所以 一个 一种 哪位 何时 何地 何 請問 什麼 怎麼 哪裡 嗎 為什麼
    為何 誰 個 這 們 與 對 從 給 讓 還 會 麼
    """.split()
)
