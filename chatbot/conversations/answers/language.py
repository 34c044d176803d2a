"""The language to reply in, and the few sentences the assistant says itself, in every language it says them in.

Pure. Not gettext: these follow the customer's language, message by message, not the page's. A language that is not
here falls back to English.
"""

import re
import unicodedata
from typing import Final, Literal

from retrieval.languages import base, detect

Key = Literal[
    "greeting",
    "thanks",
    "bye",
    "robot",
    "well",
    "able",
    "fine",
    "insult",
    "chat",
    "noise",
    "orders",
    "abstain",
    "unknown_part",
    "handoff",
    "gave_up",
    "clarify",
    "clarify_open",
    "answer_first",
    "other_language",
]

TEXTS: Final[dict[str, dict[Key, str]]] = {
    "en": {
        "greeting": "Hello! How can I help you?",
        "thanks": "You're welcome! Is there anything else I can help you with?",
        "bye": "Goodbye, and thank you for getting in touch!",
        "robot": "I'm an automated assistant{of_company}: I answer from our documents. A person can take over whenever you like.",
        "well": "I'm doing well, thank you! What can I help you with?",
        "able": "I answer questions{about_company} from our documents, and I can bring in a person. What would you like to know?",
        "fine": "All right. Is there anything else you would like to know?",
        "insult": "I'm sorry that this is frustrating. Tell me what you need, or I can bring in a person.",
        "chat": "I'm better at questions{about_company} than at small talk. What can I help you with?",
        "noise": "I didn't understand that. Could you put it in words?",
        "orders": "I can't do that. I answer questions{about_company} from our documents. What would you like to know?",
        "abstain": "I'm sorry, I don't know that: I found no answer in our documents. Would you like to talk to a person?",
        "unknown_part": "I don't know the answer to this part: “{part}” A person can help you with it.",
        "handoff": "I'm bringing in a person who will take it from here.",
        "gave_up": "I'm sorry, I don't know that either. I'm bringing in a person who can help you.",
        "clarify": "Could you tell me what exactly you mean? For example: {options}?",
        "clarify_open": "Could you tell me a little more about what you mean?",
        "answer_first": "A person will take it from here. Meanwhile, this is what I found:",
        "other_language": "Our documents in another language say:",
    },
    "zh": {
        "greeting": "您好！请问有什么可以帮您？",
        "thanks": "不客气！还有其他可以帮您的吗？",
        "bye": "再见，感谢您的咨询！",
        "robot": "我是{of_company}自动客服助手，根据我们的文档回答问题。您随时可以转人工。",
        "well": "我很好，谢谢！请问有什么可以帮您？",
        "able": "我根据文档回答{about_company}的问题，也可以为您转接人工客服。您想了解什么？",
        "fine": "好的。您还想了解什么？",
        "insult": "很抱歉让您不满意。请告诉我您需要什么，或者我为您转接人工客服。",
        "chat": "我更擅长回答{about_company}的问题。请问有什么可以帮您？",
        "noise": "抱歉，我没有看懂。能用文字说明一下吗？",
        "orders": "抱歉，这个我做不到。我根据文档回答{about_company}的问题。您想了解什么？",
        "abstain": "很抱歉，这个我不知道：我在文档中没有找到答案。需要为您转接人工客服吗？",
        "unknown_part": "这一部分我不知道答案：“{part}”人工客服可以帮您。",
        "handoff": "正在为您转接人工客服。",
        "gave_up": "很抱歉，这个我也不知道。正在为您转接人工客服。",
        "clarify": "请问您具体指的是什么？例如：{options}？",
        "clarify_open": "能再具体说明一下您的问题吗？",
        "answer_first": "正在为您转接人工客服。以下是我找到的内容：",
        "other_language": "以下内容摘自我们的英文文档：",
    },
    "zh-hant": {
        "greeting": "您好！請問有什麼可以幫您？",
        "thanks": "不客氣！還有其他可以幫您的嗎？",
        "bye": "再見，感謝您的諮詢！",
        "robot": "我是{of_company}自動客服助手，根據我們的文件回答問題。您隨時可以轉接真人客服。",
        "well": "我很好，謝謝！請問有什麼可以幫您？",
        "able": "我根據文件回答{about_company}的問題，也可以為您轉接真人客服。您想了解什麼？",
        "fine": "好的。您還想了解什麼？",
        "insult": "很抱歉讓您不滿意。請告訴我您需要什麼，或者我為您轉接真人客服。",
        "chat": "我更擅長回答{about_company}的問題。請問有什麼可以幫您？",
        "noise": "抱歉，我沒有看懂。能用文字說明一下嗎？",
        "orders": "抱歉，這個我做不到。我根據文件回答{about_company}的問題。您想了解什麼？",
        "abstain": "很抱歉，這個我不知道：我在文件中沒有找到答案。需要為您轉接真人客服嗎？",
        "unknown_part": "這一部分我不知道答案：「{part}」真人客服可以幫您。",
        "handoff": "正在為您轉接真人客服。",
        "gave_up": "很抱歉，這個我也不知道。正在為您轉接真人客服。",
        "clarify": "請問您具體指的是什麼？例如：{options}？",
        "clarify_open": "能再具體說明一下您的問題嗎？",
        "answer_first": "正在為您轉接真人客服。以下是我找到的內容：",
        "other_language": "以下內容摘自我們的英文文件：",
    },
    "de": {
        "greeting": "Hallo! Wie kann ich Ihnen helfen?",
        "thanks": "Gern geschehen! Kann ich sonst noch etwas für Sie tun?",
        "bye": "Auf Wiedersehen und danke für Ihre Nachricht!",
        "robot": "Ich bin ein automatischer Assistent{of_company} und antworte aus unseren Dokumenten. Ein Mensch kann jederzeit übernehmen.",
        "well": "Danke, gut! Wobei kann ich Ihnen helfen?",
        "able": "Ich beantworte Fragen{about_company} aus unseren Dokumenten und kann einen Menschen dazuholen. Was möchten Sie wissen?",
        "fine": "In Ordnung. Möchten Sie sonst noch etwas wissen?",
        "insult": "Es tut mir leid, dass das ärgerlich ist. Sagen Sie mir, was Sie brauchen, oder ich hole einen Menschen dazu.",
        "chat": "Mit Fragen{about_company} kenne ich mich besser aus. Wobei kann ich Ihnen helfen?",
        "noise": "Das habe ich nicht verstanden. Können Sie es in Worte fassen?",
        "orders": "Das kann ich nicht tun. Ich beantworte Fragen{about_company} aus unseren Dokumenten. Was möchten Sie wissen?",
        "abstain": "Das weiß ich leider nicht: In unseren Dokumenten habe ich keine Antwort gefunden. Möchten Sie mit einem Menschen sprechen?",
        "unknown_part": "Diesen Teil kann ich nicht beantworten: „{part}“ Ein Mensch kann Ihnen dabei helfen.",
        "handoff": "Ich hole einen Menschen dazu, der hier übernimmt.",
        "gave_up": "Auch das weiß ich leider nicht. Ich hole einen Menschen dazu, der Ihnen helfen kann.",
        "clarify": "Was genau meinen Sie? Zum Beispiel: {options}?",
        "clarify_open": "Können Sie etwas genauer sagen, was Sie meinen?",
        "answer_first": "Ein Mensch übernimmt gleich. Das habe ich inzwischen gefunden:",
        "other_language": "In unseren englischen Unterlagen steht:",
    },
    "fr": {
        "greeting": "Bonjour ! Comment puis-je vous aider ?",
        "thanks": "Avec plaisir ! Puis-je vous aider pour autre chose ?",
        "bye": "Au revoir et merci de votre message !",
        "robot": "Je suis un assistant automatique{of_company} et je réponds à partir de nos documents. Une personne peut prendre le relais à tout moment.",
        "well": "Très bien, merci ! En quoi puis-je vous aider ?",
        "able": "Je réponds aux questions{about_company} à partir de nos documents et je peux faire venir une personne. Que souhaitez-vous savoir ?",
        "fine": "Entendu. Souhaitez-vous savoir autre chose ?",
        "insult": "Je suis désolé de ce désagrément. Dites-moi ce qu'il vous faut, ou je fais venir une personne.",
        "chat": "Je suis plus doué pour les questions{about_company}. En quoi puis-je vous aider ?",
        "noise": "Je n'ai pas compris. Pouvez-vous l'exprimer avec des mots ?",
        "orders": "Je ne peux pas faire cela. Je réponds aux questions{about_company} à partir de nos documents. Que souhaitez-vous savoir ?",
        "abstain": "Désolé, je ne le sais pas : je n'ai pas trouvé de réponse dans nos documents. Souhaitez-vous parler à une personne ?",
        "unknown_part": "Je ne connais pas la réponse à cette partie : « {part} » Une personne peut vous aider.",
        "handoff": "Je fais venir une personne qui prend le relais.",
        "gave_up": "Désolé, je ne le sais pas non plus. Je fais venir une personne qui pourra vous aider.",
        "clarify": "Que voulez-vous dire exactement ? Par exemple : {options} ?",
        "clarify_open": "Pouvez-vous préciser votre question ?",
        "answer_first": "Une personne prend le relais. En attendant, voici ce que j'ai trouvé :",
        "other_language": "Nos documents en anglais disent :",
    },
    "es": {
        "greeting": "¡Hola! ¿En qué puedo ayudarle?",
        "thanks": "¡De nada! ¿Puedo ayudarle en algo más?",
        "bye": "¡Adiós y gracias por escribirnos!",
        "robot": "Soy un asistente automático{of_company} y respondo a partir de nuestros documentos. Una persona puede atenderle cuando quiera.",
        "well": "¡Muy bien, gracias! ¿En qué puedo ayudarle?",
        "able": "Respondo preguntas{about_company} a partir de nuestros documentos y puedo avisar a una persona. ¿Qué desea saber?",
        "fine": "De acuerdo. ¿Desea saber algo más?",
        "insult": "Siento las molestias. Dígame qué necesita, o aviso a una persona.",
        "chat": "Se me dan mejor las preguntas{about_company}. ¿En qué puedo ayudarle?",
        "noise": "No lo he entendido. ¿Puede decirlo con palabras?",
        "orders": "No puedo hacer eso. Respondo preguntas{about_company} a partir de nuestros documentos. ¿Qué desea saber?",
        "abstain": "Lo siento, no lo sé: no he encontrado la respuesta en nuestros documentos. ¿Quiere hablar con una persona?",
        "unknown_part": "No sé la respuesta a esta parte: «{part}» Una persona puede ayudarle.",
        "handoff": "Aviso a una persona para que le atienda.",
        "gave_up": "Lo siento, eso tampoco lo sé. Aviso a una persona que podrá ayudarle.",
        "clarify": "¿A qué se refiere exactamente? Por ejemplo: {options}?",
        "clarify_open": "¿Puede explicar un poco más lo que quiere decir?",
        "answer_first": "Una persona le atenderá. Mientras tanto, esto es lo que he encontrado:",
        "other_language": "Nuestros documentos en inglés dicen:",
    },
}
_OF: Final = {"en": " of {0}", "zh": "{0}的", "zh-hant": "{0}的", "de": " von {0}", "fr": " de {0}", "es": " de {0}"}
_ABOUT: Final = {
    "en": " about {0}",
    "zh": "关于{0}",
    "zh-hant": "關於{0}",
    "de": " zu {0}",
    "fr": " sur {0}",
    "es": " sobre {0}",
}
_ABOUT_NOBODY: Final = {"zh": "相关", "zh-hant": "相關"}

# Little words that tell a language even in short messages.
_TELLING: Final = {
    "en": "the is are my you your do does how what when where can i a of to for and it have please hi hello hey thanks thank bye yes "
    "with not which who will would long much many this that",
    "de": "der die das ist ich mein meine kann wie was wann wo und nicht ein eine einen sie ihr zu mit für hallo danke bitte ja nein "
    "moin tschüss guten tag morgen haben habe gibt lange viel kostet nach oder auf",
    "fr": "le la les est je mon ma mes puis comment quand où et pas un une des vous votre pour avec bonjour merci salut oui non "
    "combien quel quelle est-ce que qui au aux du être bonsoir livrez",
    "es": "el los las es yo mi mis puedo cómo qué cuándo dónde y no un una por para con hola gracias sí adiós cuánto cuesta buenos "
    "días buenas tienen hay está del al usted ustedes como que donde cuanto",
    "it": "il lo gli è io mio mia posso come che quando dove e non un una per con ciao grazie sì quanto costa avete buongiorno",
    "nl": "het een is ik mijn kan hoe wat wanneer waar en niet voor met hallo bedankt dank ja nee hoeveel kost jullie van op",
    "pt": "o os as é eu meu minha posso como quando onde e não um uma por para com olá obrigado obrigada sim quanto custa vocês",
}
_WORDS: Final = {language: frozenset(words.split()) for language, words in _TELLING.items()}
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def language_of(text: str, *, default: str = "") -> str:
    """Language code of a message; `default` (the widget's or the conversation's) where the text does not tell."""
    fallback = _known(default) or "en"
    words = [word.casefold() for word in _WORD.findall(unicodedata.normalize("NFC", text))]
    if not words:
        return fallback
    by_script = detect(text, default="")
    if by_script and not _is_latin(text):
        return by_script
    votes = {language: sum(1 for word in words if word in known) for language, known in _WORDS.items()}
    best = max(votes, key=lambda language: (votes[language], language == fallback, language == "en"))
    others = max((count for language, count in votes.items() if language != best), default=0)
    if votes[best] > others or (votes[best] and best in {fallback, "en"}):
        return best
    return by_script if by_script and len(words) >= 8 and not votes[best] else fallback


def likely_language(text: str, *, default: str = "") -> str:
    """As `language_of`, by scripts and little words alone: loads no model, so that the web process may ask it.

    `und` for a script or for little words that no language here has for certain.
    """
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return _known(default) or "en"
    han = sum(1 for character in letters if "\u3400" <= character <= "\u9fff")
    kana = sum(1 for character in letters if "\u3040" <= character <= "\u30ff")
    if not _is_latin(text):
        return "zh" if han > 4 * kana and 4 * han >= len(letters) - han else "und"
    words = [word.casefold() for word in _WORD.findall(unicodedata.normalize("NFC", text))]
    votes = {language: sum(1 for word in words if word in known) for language, known in _WORDS.items()}
    fallback = _known(default) or "en"
    best = max(votes, key=lambda language: (votes[language], language == fallback, language == "en"))
    return best if votes[best] else fallback if fallback in _WORDS else "en"


def _is_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    latin = sum(1 for character in letters if "LATIN" in unicodedata.name(character, ""))
    han = sum(1 for character in letters if "\u3040" <= character <= "\u9fff")
    return latin > 4 * han


def _known(language: str) -> str:
    """`zh-hans` -> zh, `zh-TW` -> zh-hant, `de-AT` -> de."""
    code = language.strip().lower().replace("_", "-")
    if code in {"zh-hant", "zh-tw", "zh-hk", "zh-mo"}:
        return "zh-hant"
    return base(code)


def say(key: Key, language: str, *, company: str = "", **values: str) -> str:
    """The fixed sentence in that language, in English when there is none."""
    code = _known(language)
    code = code if code in TEXTS else "en"
    of = _OF[code].format(company) if company else ""
    about = _ABOUT[code].format(company) if company else _ABOUT_NOBODY.get(code, "")
    text = TEXTS[code][key]
    for name, value in {"of_company": of, "about_company": about, **values}.items():
        text = text.replace("{" + name + "}", value)
    return text


def says(key: Key, text: str) -> bool:
    """Whether a text ends with this fixed sentence (without fields) in any language: was that our own question?"""
    return any(text.strip().endswith(texts[key]) for texts in TEXTS.values())
