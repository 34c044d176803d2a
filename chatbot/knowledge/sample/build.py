# mypy: ignore-errors
"""Rebuild the sample company's PDF and DOCX files from the Markdown in `originals/`.

`originals/products/rook-28.docx.md` becomes `documents/products/rook-28.docx`. Only the little Markdown used
there is understood: headings, paragraphs, lists and tables. It is never imported by the product: it is run by hand
where `fpdf2` and `python-docx` are installed, and its results are committed.

    python chatbot/knowledge/sample/build.py [folder with a Noto Sans CJK font]
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from docx import Document
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from fpdf import FPDF

HERE = Path(__file__).resolve().parent
ORIGINALS = HERE / "originals"
DOCUMENTS = HERE / "documents"
FONTS = Path("/usr/share/fonts/opentype/noto")
BUILT = datetime(2026, 9, 1, tzinfo=UTC)  # fixed, so that a rebuild changes nothing
SIMPLIFIED_CHINESE = 2  # the font's place in the Noto collection
MAXP_FIELDS = [
    "maxZones",
    "maxTwilightPoints",
    "maxStorage",
    "maxFunctionDefs",
    "maxInstructionDefs",
    "maxStackElements",
    "maxSizeOfInstructions",
    "maxComponentElements",
    "maxPoints",
    "maxContours",
    "maxCompositePoints",
    "maxCompositeContours",
    "maxComponentDepth",
]
SIZES = {1: 20, 2: 13}

Block = tuple[str, Any]


def blocks(text: str) -> Iterator[Block]:
    """("h1" | "h2" | "p" | "ul" | "ol" | "table", its text, its lines or its rows)."""
    for chunk in re.split(r"\n\s*\n", text.strip()):
        lines = chunk.splitlines()
        heading = re.match(r"(#{1,2}) (.*)", chunk)
        if heading:
            yield f"h{len(heading[1])}", heading[2]
        elif chunk.startswith("|"):
            rows = [line.strip("|").split("|") for line in lines if "---" not in line]
            yield "table", [[cell.strip() for cell in row] for row in rows]
        elif chunk.startswith("- "):
            yield "ul", [line[2:] for line in lines]
        elif chunk.startswith("1. "):
            yield "ol", [re.sub(r"^\d+\. ", "", line) for line in lines]
        else:
            yield "p", " ".join(lines)


def write_docx(text: str, path: Path) -> None:
    document = Document()
    document.core_properties.author = "Fellwren Goods Co."
    document.core_properties.created = document.core_properties.modified = BUILT
    for kind, content in blocks(text):
        if kind in ("h1", "h2"):
            document.add_heading(content, level=int(kind[1]))
            if kind == "h1":
                document.core_properties.title = content
        elif kind == "table":
            table = document.add_table(rows=0, cols=len(content[0]), style="Light Grid Accent 1")
            for row in content:
                for cell, value in zip(table.add_row().cells, row, strict=True):
                    cell.text = value
        elif kind in ("ul", "ol"):
            for line in content:
                document.add_paragraph(line, style="List Bullet" if kind == "ul" else "List Number")
        else:
            document.add_paragraph(content)
    buffer = BytesIO()
    document.save(buffer)
    with ZipFile(buffer) as made, ZipFile(path, "w", ZIP_DEFLATED) as kept:
        for name in made.namelist():  # the library stamps each part with the time of day
            kept.writestr(ZipInfo(name, BUILT.timetuple()[:6]), made.read(name), ZIP_DEFLATED)


def truetype_subset(font_path: Path, text: str, target: Path) -> None:
    """Keep the glyphs of `text` and give them TrueType outlines: fpdf2 writes wrong widths for CFF fonts."""
    font = TTFont(font_path, fontNumber=SIMPLIFIED_CHINESE, recalcTimestamp=False)
    subsetter = Subsetter(Options(layout_features=[], drop_tables=["vhea", "vmtx", "VORG", "BASE", "GSUB", "GPOS"]))
    subsetter.populate(text=text + " ")
    subsetter.subset(font)
    order, source = font.getGlyphOrder(), font.getGlyphSet()
    outlines = newTable("glyf")
    outlines.glyphOrder, outlines.glyphs = order, {}
    for name in order:
        pen = TTGlyphPen(source)
        source[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        outlines.glyphs[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), outlines
    del font["CFF "]
    font["maxp"].tableVersion = 0x00010000
    for field in MAXP_FIELDS:
        setattr(font["maxp"], field, 0)
    font["post"].formatType = 3.0
    font.sfntVersion = "\000\001\000\000"
    font.save(target)


def write_pdf(text: str, path: Path, fonts: Path) -> None:
    pdf = FPDF(format="A4")
    pdf.set_creation_date(BUILT)
    pdf.set_author("Fellwren Goods Co.")
    with TemporaryDirectory() as folder:
        for style, name in (("", "NotoSansCJK-Regular.ttc"), ("B", "NotoSansCJK-Bold.ttc")):
            small = Path(folder) / f"{name}.ttf"
            truetype_subset(fonts / name, text, small)
            pdf.add_font("noto", style, str(small))
        fill_pdf(pdf, text)
        pdf.output(str(path))


def fill_pdf(pdf: Any, text: str) -> None:
    wrap = "CHAR" if re.search(r"[\u4e00-\u9fff]", text) else "WORD"  # Chinese has no spaces to break at
    pdf.set_margins(22, 20)
    pdf.add_page()
    for kind, content in blocks(text):
        if kind in ("h1", "h2"):
            level = int(kind[1])
            if level == 1:
                pdf.set_title(content)
            pdf.set_font("noto", "B", SIZES[level])
            pdf.ln(2)
            pdf.multi_cell(0, SIZES[level] * 0.55, content, new_x="LMARGIN", new_y="NEXT")
            pdf.ln(1.5)
            continue
        pdf.set_font("noto", "", 10.5)
        if kind == "table":
            with pdf.table(line_height=6.5, text_align="LEFT", borders_layout="HORIZONTAL_LINES") as table:
                for row in content:
                    table.row(row)
            pdf.ln(3)
            continue
        lines = {"p": [content], "ul": [f"• {line}" for line in content]}.get(kind)
        for line in lines or [f"{number}. {line}" for number, line in enumerate(content, 1)]:
            pdf.multi_cell(0, 5.8, line, align="LEFT", wrapmode=wrap, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2.5)


def main(fonts: Path = FONTS) -> None:
    for original in sorted(ORIGINALS.rglob("*.md")):
        target = DOCUMENTS / original.relative_to(ORIGINALS).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = original.read_text(encoding="utf-8")
        if target.suffix == ".docx":
            write_docx(text, target)
        else:
            write_pdf(text, target, fonts)
        sys.stdout.write(f"{target.relative_to(HERE)}  {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
