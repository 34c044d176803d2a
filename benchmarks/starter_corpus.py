"""Real text for the starter model's third course: free documentation and catalogues of translations, cleaned.

    python -m benchmarks.starter_corpus DIR

Downloads the releases named below (BSD, MIT, Apache 2.0) with pip, takes their manuals without markup and code, and the
strings of their Chinese catalogues with the English ones as pages of five to twelve. LibreOffice's help in both
languages (MPL 2.0) and the commonest English words (SCOWL, public domain and the like) come from Debian's or Ubuntu's
packages, without being installed. DIR is what `manage.py pretrain --documents` reads. The same releases give the same
files.
"""

import argparse
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import lxml.html
import polib

MANUALS: Final = ("django==5.2.8", "celery==5.7.0", "django-allauth==65.21.1", "django-cms==5.1.3", "mezzanine==6.1.1",
                  "networkx==3.6.1", "sqlalchemy==2.1.9")  # fmt: skip
CATALOGUES: Final = ("jupyterlab-language-pack-zh-CN==4.5.post3", "wagtail==8.0.1", "django-oscar==4.2.1",
                     "django-allauth==65.22.1", "horizon==27.0.0", "django-helpdesk==2.6.1", "apache-superset==6.1.0",
                     "django-cms==5.1.3")  # fmt: skip
HELP: Final = {"en": ("libreoffice-help-en-us", "en-US"), "zh": ("libreoffice-help-zh-cn", "zh-CN")}
"""Package and folder of LibreOffice's help in each language."""
WORDS: Final = (("10", 60), ("20", 12))
"""How often the words of each of SCOWL's first levels are written down, so that a tokenizer knows them: manuals of
programs say little of shoes. One long block, which no lesson is made of."""
HELP_LEAST: Final = {"en": (25, 300), "zh": (8, 120)}
"""Characters of a paragraph and of a page of it."""
LEAST: Final = 300
"""Characters of a page."""

_MANUAL: Final = re.compile(r"(^|/)(docs?|documentation)/.*\.(rst|txt|md)$")
_LEFT_OUT: Final = re.compile(r"locale|node_modules|changelog|/releases/[0-3]\.", re.I)
_CATALOGUE: Final = re.compile(r"zh[_-](Hans|CN)/LC_MESSAGES/[\w-]+\.(po|mo)$", re.I)
_SAID_ANYWAY: Final = re.compile(
    r"\s*\.\. (note|warning|admonition|tip|important|versionadded|versionchanged|deprecated)::"
)
_NO_HELP: Final = re.compile(r"/sbasic/|/python/|/00/|/main\d")
"""Of its pages: the programmer's, and those made of links."""
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_PLACE: Final = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}|\{\{\s*(\w+)\s*\}\}")


def without_rst(text: str) -> str:
    """reStructuredText as plain paragraphs with underlined headings: no directives, no code, roles as their words."""
    kept: list[str] = []
    within: int | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if within is not None:
            if not line.strip() or indent > within:
                continue
            within = None
        if re.match(r"\s*:\w[\w -]*:", line) or _SAID_ANYWAY.match(line):
            continue
        if re.match(r"\s*\.\.( |$)", line):
            within = indent
            continue
        if line.rstrip().endswith("::"):
            within, line = indent, line.rstrip()[:-1]
        kept.append(line.strip() if indent <= 4 else line)
    text = re.sub(r":[\w:+-]+:`([^`]*)`", _role, "\n".join(kept))
    text = re.sub(r"`([^`<]+?)\s*<[^>]+>`_+", r"\1", text)
    text = re.sub(r"``?([^`]*)``?_*", r"\1", text)
    return re.sub(r"\*\*?([^*\n]+)\*\*?", r"\1", text)


def _role(found: re.Match[str]) -> str:
    said = re.sub(r"\s*<[^>]*>$", "", found[1])
    return said if " " in said else said.lstrip("~!").split(".")[-1]


def without_markdown(text: str) -> str:
    """Markdown without code, pictures, addresses and emphasis; headings stay."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    text = re.sub(r"(```|~~~).*?\1", "", text, flags=re.S)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`([^`]*)`|<[^>]+>", r"\1", text)
    return re.sub(r"\*\*?([^*\n]+)\*\*?", r"\1", text)


def plain(string: str) -> str:
    """A string of a catalogue without tags, its places as words."""
    said = _PLACE.sub(
        lambda found: (found[1] or found[2] or found[3] or "").replace("_", " "), re.sub(r"<[^>]+>", "", string)
    )
    return " ".join(said.split())


def manuals(archive: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(archive) as members:
        for member in members:
            file = members.extractfile(member) if member.isfile() else None
            path = member.name.partition("/")[2]
            if file is None or not _MANUAL.search(path) or _LEFT_OUT.search(path):
                continue
            text = file.read().decode("utf-8", "replace")
            yield path, without_markdown(text) if path.endswith(".md") else without_rst(text)


def catalogue_pages(name: str, entries: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Pages of each language, some strings each."""
    for language, place in (("en", 0), ("zh", 1)):
        chance = random.Random(f"{name} {language}")
        rest = [entry[place] for entry in entries]
        while rest:
            page, rest = rest[: (count := chance.randint(5, 12))], rest[count:]
            yield f"{name}-{language}", f"# {page[0][:60]}\n\n" + "\n\n".join(page)


def entries(wheel: Path, seen: set[str]) -> list[tuple[str, str]]:
    """(English, Chinese) of the wheel's catalogues, each English string once."""
    found: list[tuple[str, str]] = []
    with zipfile.ZipFile(wheel) as members, tempfile.TemporaryDirectory() as there:
        names = [name for name in members.namelist() if _CATALOGUE.search(name)]
        for name in names:
            if name.endswith(".mo") and f"{name[:-2]}po" in names:
                continue
            file = Path(members.extract(name, there))
            read = polib.pofile(str(file)) if name.endswith(".po") else polib.mofile(str(file))
            for entry in read:
                english, chinese = plain(entry.msgid), plain(entry.msgstr)
                if not entry.obsolete and english not in seen and len(english.split()) >= 4 and len(chinese) >= 6:
                    seen.add(english)
                    found.append((english, chinese))
    return found


def help_page(html: str, language: str, seen: set[str]) -> str:
    """Headings and paragraphs of a page of help, each paragraph once in all pages; "" where too little is left.

    Pages that are translated in part keep what is.
    """
    found = lxml.html.fromstring(html).xpath("//*[@id='DisplayArea']//*[self::h1 or self::h2 or self::h3 or self::p]")
    shortest, least = HELP_LEAST[language]
    lines: list[str] = []
    size = 0
    for element in found:
        text = " ".join(element.text_content().split())
        if not text or (language == "zh" and len(_HAN.findall(text)) < 0.3 * len(text.replace(" ", ""))):
            continue
        if element.tag == "p":
            if text in seen or len(text) < shortest:
                continue
            seen.add(text)
            size += len(text)
        lines.append({"h1": "# ", "p": ""}.get(element.tag, "## ") + text)
    return "\n\n".join(lines) if size >= least else ""


def unpack(work: Path, packages: Sequence[str]) -> Path:
    """The files of Debian packages."""
    work.mkdir()
    subprocess.run(["apt-get", "download", "-qq", *packages], cwd=work, check=True)
    for file in sorted(work.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(file), str(work / "unpacked")], check=True)
    return work / "unpacked/usr/share"


def common_words(lists: Path) -> str:
    """All words of WORDS in an order drawn by chance."""
    words: list[str] = []
    for level, times in WORDS:
        files = [lists / f"{kind}-words.{level}" for kind in ("english", "american")]
        found = [word for file in files for word in file.read_text("latin-1").split()]
        words += times * [word for word in found if word.isascii() and "'" not in word]
    random.Random("words").shuffle(words)
    return " ".join(words)


def help_pages(share: Path) -> Iterator[tuple[str, str]]:
    for language, (_package, folder) in HELP.items():
        seen: set[str] = set()
        for page in sorted((share / "libreoffice/help" / folder / "text").rglob("*.html")):
            if not _NO_HELP.search(page.as_posix()):
                yield f"help-{language}-{page.stem}", help_page(page.read_text("utf-8", "replace"), language, seen)


def download(folder: Path, names: tuple[str, ...], *options: str) -> list[Path]:
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-build-isolation", "-d", str(folder)]
    subprocess.run([*command, *options, *names], check=True)
    return sorted(folder.iterdir())


def build(folder: Path, work: Path) -> int:
    """Fill `folder`; returns how many pages."""
    pages = [
        page for archive in download(work / "manuals", MANUALS, "--no-binary", ":all:") for page in manuals(archive)
    ]
    seen: set[str] = set()
    for wheel in download(work / "catalogues", CATALOGUES, "--only-binary", ":all:"):
        pages += catalogue_pages(wheel.name.partition("-")[0], entries(wheel, seen))
    pages = [(name, said) for name, text in pages if len(said := re.sub(r"\n{3,}", "\n\n", text).strip()) >= LEAST]
    share = unpack(work / "packages", [*(package for package, _folder in HELP.values()), "scowl"])
    pages += [(name, text) for name, text in help_pages(share) if text]
    folder.mkdir(parents=True)
    (folder / "words.txt").write_text(common_words(share / "dict/scowl"), encoding="utf-8")
    for number, (name, text) in enumerate(pages):
        short = re.sub(r"[^a-zA-Z0-9]+", "-", name)[-60:]
        (folder / f"{number:05}-{short}.md").write_text(text, encoding="utf-8")
    return len(pages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="parley-corpus-") as work:
        sys.stdout.write(f"{build(folder, Path(work))} pages in {folder}\n")


if __name__ == "__main__":
    main()
