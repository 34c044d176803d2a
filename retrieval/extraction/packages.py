"""Checks on zip packages (DOCX, XLSX) before anything opens them: bombs, entities, encryption, macros, damage."""

import io
import re
import zipfile
from typing import Final

from retrieval.extraction.outcomes import BOMB, DAMAGED, ENCRYPTED, ENTITIES, MACROS, Refused

MAX_MEMBERS: Final = 5000
MAX_UNPACKED: Final = 400 * 1024 * 1024
MAX_RATIO: Final = 200
SMALL: Final = 10 * 1024 * 1024
"""Below this an extreme ratio is harmless: empty spreadsheets compress well."""
_DECLARATION: Final = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def members(data: bytes) -> list[zipfile.ZipInfo]:
    """What the package holds. Raises Refused(DAMAGED) when it is no readable zip file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
        raise Refused(DAMAGED) from error


def check(data: bytes) -> None:
    """Raise Refused for a package that must not be opened. Unpacks every XML part once, within the limits."""
    infos = members(data)
    unpacked = sum(info.file_size for info in infos)
    if len(infos) > MAX_MEMBERS or unpacked > MAX_UNPACKED or (unpacked > SMALL and unpacked > MAX_RATIO * len(data)):
        raise Refused(BOMB)
    if any(info.flag_bits & 1 for info in infos):
        raise Refused(ENCRYPTED)
    if any(info.filename.lower().endswith("vbaproject.bin") for info in infos):
        raise Refused(MACROS)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in infos:
            if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                _check_part(archive, info)


def _check_part(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    try:
        with archive.open(info) as part:
            head = part.read(64 * 1024)
            while part.read(1024 * 1024):  # to the end: this is where a broken or lying member shows
                pass
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refused(DAMAGED) from error
    except Exception as error:  # zlib.error has no common base
        raise Refused(DAMAGED) from error
    # Declarations stand before the root element; UTF-16 hides them from a search for bytes.
    if _DECLARATION.search(head.replace(b"\x00", b"")):
        raise Refused(ENTITIES)
