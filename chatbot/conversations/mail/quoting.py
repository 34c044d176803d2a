"""Takes what is new out of an answered e-mail: without the quoted text, the line above it, and phone signatures. Pure.

Works line by line in time that grows with the text only; e-mails are hostile, and libraries for this hang on a few
thousand spaces. Cuts only what is surely quoted: when in doubt text stays, for a customer's words must not be lost.
"""

import re
from collections.abc import Sequence
from typing import Final

_LONGEST: Final = 500
"""Lines of attribution are shorter; longer ones are text."""

_WROTE: Final = re.compile(
    r"\b(?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto|schreef|skrev|skrev|napisał\(?a?\)?|napsal\(?a?\)?|"
    r"kirjoitti|yazdı|написал\(?а?\)?|пишет)\b[^:：]{0,200}[:：]$|(?:写道|寫道|写到|のメッセージ)\s*[:：]$",
    re.IGNORECASE,
)
_BEGINS: Final = re.compile(r"^(?:On|Am|Le|El|Il|Op|Em|Den|Dne|Dnia|W dniu|在|于|於|\d{4}年)(?:\s|\d|\d{4}年)")
_ADDRESS: Final = re.compile(r"[^\s<>]{1,100}@[^\s<>]{1,200}")
_DIGITS: Final = re.compile(r"\d")
_SEPARATOR: Final = re.compile(
    r"^[-_ ]{2,60}(?:Original[ -]?Message|Original Appointment|Forwarded message|Ursprüngliche Nachricht|"
    r"Original[ -]?Nachricht|Weitergeleitete Nachricht|Message d'origine|Message original|Mensaje original|"
    r"Mensagem original|Messaggio originale|Oorspronkelijk bericht|原始邮件|原始郵件|原邮件|回复的原邮件|转发的邮件|"
    r"转发邮件信息|元のメッセージ|Исходное сообщение)[^-_]{0,80}[-_ ]{0,60}$",
    re.IGNORECASE,
)
_FROM: Final = re.compile(r"^[*> ]{0,4}(?:From|Von|De|Da|Van|Od|Fra|Från|发件人|寄件者|寄件人|差出人|От)\s?\*?\s?[:：]")
_FIELD: Final = re.compile(
    r"^[*> ]{0,4}(?:Sent|Date|To|Cc|Subject|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Enviado|Para|Asunto|Assunto|"
    r"Inviato|A|Oggetto|Verzonden|Aan|Onderwerp|Sendt|Til|Emne|Skickat|Till|Ämne|发送时间|发送日期|时间|日期|收件人|抄送|主题|"
    r"寄件日期|收件者|主旨|送信日時|宛先|件名|Дата|Кому|Тема)\s?\*?\s?[:：]",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"^[_-]{20,}$")
_PHONE: Final = re.compile(
    r"^(?:Sent from (?:my |Mail for |Outlook|Yahoo Mail)|Get Outlook for |Von meinem .{1,40} gesendet|"
    r"Gesendet (?:von|mit) |Diese Nachricht wurde von meinem |Envoyé de(?:puis)? mon |Enviado desde mi |Inviato da |"
    r"Verzonden vanaf |Sendt fra min |发自我的|从我的.{1,20}发送|从 ?Windows ?版|來自我的|自我的.{1,20}(?:傳送|发送)|"
    r"iPhoneから送信|Yahoo Mail: )",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """The part of an answer that its author wrote. Everything, when nothing else would remain."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    lines = _up_to_a_separator(lines)
    kept = _without_quotes(lines)
    kept = _without_signature(kept)
    shown = _joined(kept)
    return shown or _joined([line for line in lines if not line.startswith(">")]) or _joined(lines)


def _joined(lines: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


# --- What comes after a separator is quoted, marked or not ---------------------------------------------
def _up_to_a_separator(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if _is_separator(lines, number):
            before = lines[:number]
            return before if any(word.strip() for word in before) else lines
        if len(line) > _LONGEST:
            continue
    return lines


def _is_separator(lines: list[str], number: int) -> bool:
    line = lines[number]
    if len(line) > _LONGEST:
        return False
    if _SEPARATOR.match(line):
        return True
    if _RULE.match(line):
        following = _next_filled(lines, number + 1)
        return following is not None and _is_header_block(lines, following)
    return _is_header_block(lines, number)


def _is_header_block(lines: list[str], number: int) -> bool:
    """From: and at least two more fields within the next lines: how Outlook and QQ begin what they quote."""
    if not _FROM.match(lines[number][:_LONGEST]):
        return False
    fields = sum(1 for line in lines[number + 1 : number + 8] if _FIELD.match(line[:_LONGEST]))
    return fields >= 2


def _next_filled(lines: list[str], number: int) -> int | None:
    return next((n for n in range(number, min(number + 4, len(lines))) if lines[n].strip()), None)


# --- Lines with > and the line above them ----------------------------------------------------------------
def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    number = 0
    while number < len(lines):
        if lines[number].lstrip().startswith(">"):
            number += 1
            continue
        length = _attribution(lines, number)
        if not length:
            kept.append(lines[number])
            number += 1
            continue
        marked = _is_marked(lines, number + length)
        if not marked and any(line.strip() for line in kept):
            return kept  # some programs quote without marks: all that follows is old
        number += length
    return kept


def _attribution(lines: list[str], number: int) -> int:
    """How many lines from here on say who wrote the quoted text that follows ("On … wrote:"); 0: none."""
    if not lines[number].strip():
        return 0
    text = ""
    for length in range(1, 5):
        if number + length > len(lines) or len(text) > _LONGEST:
            return 0
        line = lines[number + length - 1].strip()
        if length > 1 and (not line or line.startswith(">")):
            return 0
        text = f"{text} {line}".strip()
        if len(text) <= _LONGEST and text.endswith((":", "：")) and _names_an_author(lines, number + length, text):
            return length
    return 0


def _names_an_author(lines: list[str], after: int, text: str) -> bool:
    addressed = _ADDRESS.search(text) is not None
    if not _WROTE.search(text):
        return addressed and "<" in text and _is_marked(lines, after)
    if addressed:
        return True
    return _DIGITS.search(text) is not None and (_BEGINS.match(text) is not None or _is_marked(lines, after))


def _is_marked(lines: list[str], number: int) -> bool:
    following = _next_filled(lines, number)
    return following is not None and lines[following].lstrip().startswith(">")


# --- Signatures --------------------------------------------------------------------------------------------
def _without_signature(lines: list[str]) -> list[str]:
    """Without what follows "-- " (where words come before it), and without what a phone adds at the end."""
    for number, line in enumerate(lines):
        if line == "--" and _joined(lines[:number]):
            lines = lines[:number]
            break
    end = len(lines)
    while end and (not lines[end - 1].strip() or _PHONE.match(lines[end - 1].strip()[:_LONGEST])):
        end -= 1
    return lines[:end]
