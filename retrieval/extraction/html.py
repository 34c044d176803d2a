"""HTML pages: the main content as Markdown, without what readers do not see and without the frame around it.

A page that marks its content (`main`, `article`) is believed. Otherwise trafilatura finds it, and where it keeps too
little of the visible text (short help pages), the whole body without navigation is taken: losing a fact is worse than
keeping a menu. Scripts, styles, comments and hidden elements never get through.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import lxml.html
from lxml import etree

from retrieval.extraction.outcomes import TOO_DEEP, Extracted, Refused
from retrieval.extraction.text import clean, decode, first_heading, one_line, parse_date, says_updated

MAX_DEPTH: Final = 200
ENOUGH: Final = 0.5
"""Share of the visible text that trafilatura must keep to be believed."""

_NEVER: Final = frozenset([
    "script", "style", "template", "noscript", "iframe", "object", "embed", "applet", "svg", "canvas", "audio", "video",
    "input", "select", "textarea", "dialog", "head", "link", "meta", "base", "map",
])  # fmt: skip
_HEADS: Final = ("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt", "legend")
_FRAME: Final = frozenset(["nav", "header", "footer", "aside"])
_FRAME_ROLES: Final = frozenset(
    ["navigation", "banner", "contentinfo", "complementary", "search", "menu", "alertdialog"]
)
_FRAME_NAMES: Final = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu|breadcrumbs?|footer|sidebar|cookie(?:s|-?banner|-?consent)?|skip-?link|share|social)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
_HIDING: Final = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d]*[1-9])"
    r"|text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{4,}px",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"([^{}]{1,500})\{([^{}]{0,2000})\}")
_SIMPLE_SELECTOR: Final = re.compile(r"^\s*([.#])([\w-]+)\s*$")
_CHARSET: Final = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_XML_CHARSET: Final = re.compile(rb"""\A\s*<\?xml[^>]{0,100}encoding\s*=\s*["']([\w-]{2,40})""")
_UPDATED: Final = (
    '//meta[@property="article:modified_time" or @property="og:updated_time" or @name="last-modified"'
    ' or @name="dcterms.modified" or @http-equiv="last-modified" or @itemprop="dateModified"]/@content',
    '//time[@itemprop="dateModified" or contains(@class, "updated")]/@datetime',
)


def extract_html(data: bytes, *, charset: str = "", name: str = "") -> Extracted:
    found = _XML_CHARSET.search(data[:200]) or _CHARSET.search(data[:4096])
    text = decode(data, charset or (found[1].decode("ascii") if found else ""))
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text.replace("\x00", ""))
    if not text.strip():
        return Extracted("")
    try:
        root = lxml.html.document_fromstring(
            text, parser=lxml.html.HTMLParser(huge_tree=False, remove_comments=True, remove_pis=True)
        )
    except (etree.ParserError, ValueError):
        return Extracted("")
    if _depth_exceeds(root, MAX_DEPTH):
        raise Refused(TOO_DEEP)
    title, lang, updated, details = _title(root), str(root.get("lang") or "")[:16], _updated(root), _details(root)
    _drop_invisible(root)
    markdown = _main_markdown(root)
    heading = first_heading(markdown)
    return Extracted(
        markdown,
        title=heading if heading and heading in title else title or heading,
        lang=lang,
        updated=updated or says_updated(markdown),
        details=details,
    )


def _depth_exceeds(root: Any, limit: int) -> bool:
    """Walks without recursion; libxml2 itself stops near 256."""
    depth = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > limit:
            return True
    return False


def _title(root: Any) -> str:
    for path in ("//head//title/text()", '//meta[@property="og:title"]/@content', "//h1//text()"):
        if text := one_line(" ".join(root.xpath(path)[:20])):
            return text
    return ""


def _updated(root: Any) -> date | None:
    return next((day for path in _UPDATED for text in root.xpath(path) if (day := parse_date(text))), None)


def _details(root: Any) -> dict[str, str | int]:
    said: dict[str, str | int] = {}
    for key in ("author", "description"):
        if found := root.xpath(f'//meta[@name="{key}"]/@content'):
            said[key] = one_line(found[0])
    if canonical := root.xpath('//link[@rel="canonical"]/@href'):
        said["canonical"] = one_line(canonical[0])
    return said


def _drop_invisible(root: Any) -> None:
    hidden_names = set(_hidden_names(root))
    # Panels of an accordion start out hidden; the reader opens them with the button that names them.
    opened = {name for names in root.xpath("//*/@aria-controls") for name in names.split()}
    for element in list(root.iter()):
        if element is root or element.getparent() is None:
            continue
        never = not isinstance(element.tag, str) or element.tag in _NEVER or _is_idle_button(element)
        if never or (element.get("id") not in opened and _is_hidden(element, hidden_names)):
            element.drop_tree()


def _is_idle_button(element: Any) -> bool:
    """A button within a heading carries the heading's words; any other says "Send" or "Close"."""
    return element.tag == "button" and not any(above.tag in _HEADS for above in element.iterancestors())


def _hidden_names(root: Any) -> Iterator[str]:
    """`.class` and `#id` that the page's own style sheets hide."""
    for style in root.iter("style"):
        for selectors, body in _RULE.findall((style.text or "")[:200_000]):
            if _HIDING.search(body):
                for selector in selectors.split(","):
                    if match := _SIMPLE_SELECTOR.match(selector):
                        yield match[1] + match[2]


def _is_hidden(element: Any, hidden_names: set[str]) -> bool:
    get = element.get
    if get("hidden") not in (None, "until-found") or get("aria-hidden") == "true" or _HIDING.search(get("style") or ""):
        return True
    if not hidden_names:
        return False
    return "#" + (get("id") or "") in hidden_names or any(
        "." + name in hidden_names for name in (get("class") or "").split()
    )


def _main_markdown(root: Any) -> str:
    marked = root.xpath('//main | //*[@role="main"]') or root.xpath("//article[not(ancestor::article)]")
    if marked:
        for element in marked:
            _drop_frame(element, keep_header=True)
        markdown = "\n\n".join(filter(None, (to_markdown(element) for element in marked)))
        if markdown.strip():
            return clean(markdown)
    body = next(iter(root.xpath("//body")), root)
    guess = _trafilatura(body)
    _drop_frame(body, keep_header=False)
    whole = clean(to_markdown(body))
    return guess if _letters(guess) >= ENOUGH * _letters(whole) and guess.count("\n#") >= whole.count("\n#") else whole


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _trafilatura(body: Any) -> str:
    import trafilatura

    html = lxml.html.tostring(body, encoding="unicode")
    found = trafilatura.extract(
        f"<html>{html}</html>", output_format="markdown", include_tables=True, include_formatting=True,
        include_comments=False, include_links=False, favor_recall=True,
    )  # fmt: skip
    return clean(found or "")


def _drop_frame(element: Any, *, keep_header: bool) -> None:
    """Take menus, banners and footers away. Inside marked content a `header` holds the title, so it stays."""
    for inner in list(element.iterdescendants()):
        if inner.getparent() is None or not isinstance(inner.tag, str):
            continue
        named = f"{inner.get('class') or ''} {inner.get('id') or ''}"
        is_frame = inner.tag in _FRAME and not (keep_header and inner.tag == "header")
        if (
            is_frame
            or inner.get("role") in _FRAME_ROLES
            or (_FRAME_NAMES.search(named) and inner.tag not in ("body", "h1"))
        ):
            inner.drop_tree()


def to_markdown(element: Any) -> str:
    import markdownify

    for code in element.iter("pre"):
        code.text = code.text or ""
    html = lxml.html.tostring(element, encoding="unicode", with_tail=False)
    text: str = markdownify.markdownify(
        html, heading_style="ATX", bullets="-", strip=["img", "picture", "figure", "a"], escape_underscores=False,
        escape_asterisks=False, escape_misc=False, table_infer_header=True, bs4_options="lxml",
    )  # fmt: skip
    return text
