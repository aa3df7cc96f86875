"""The tools that run on the service: what they did, and the files that code execution made."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

from ._files import Attachment
from ._prompt import last_user_text, plain

if TYPE_CHECKING:
    from ._request import ChatRequest

_DATA_OCEAN_GB: Final = 0.000161
_ASKS_FOR_CHART: Final = re.compile(r"\b(?:graficos?|diagramas?|histogramas?|graphs?|charts?|plots?|png)\b")
_ASKS_FOR_TABLE: Final = re.compile(
    r"\b(?:arquivos?|planilhas?|tabelas?|csv|files?|spreadsheets?|tables?|downloads?)\b"
)
_TOTALS: Final = {"janeiro": 10, "fevereiro": 12, "março": 7}
_BAR_WIDTH: Final = 8
_GREEN: Final = b"\x1f\x7a\x3d"
_WHITE: Final = b"\xff\xff\xff"


def execution_details(request: ChatRequest) -> dict[str, Any] | None:
    """Return what the tools are billed for: all four counts, or None when no tool was on."""
    if not (request.web_search or request.code_execution or request.data_ocean):
        return None
    return {
        "web_search_calls": int(request.web_search or request.data_ocean),
        "page_reads": int(request.web_search or request.data_ocean),
        "data_ocean_gb_processed": _DATA_OCEAN_GB if request.data_ocean else 0,
        "code_execution_minutes": int(_runs_code(request)),
    }


def made_files(request: ChatRequest) -> list[Attachment]:
    """Return the files that the prompt asks for, made where code may run."""
    if not _runs_code(request):
        return []
    prompt = plain(last_user_text(request))
    made = []
    if _ASKS_FOR_CHART.search(prompt):
        made.append(Attachment("grafico.png", "image/png", _chart()))
    if _ASKS_FOR_TABLE.search(prompt):
        made.append(Attachment("resultado.csv", "text/csv", _table()))
    return made


def _runs_code(request: ChatRequest) -> bool:
    return request.code_execution or request.data_ocean


def _table() -> bytes:
    rows = [f"{month},{total}\n" for month, total in _TOTALS.items()]
    return "".join(["mes,total\n", *rows]).encode()


def _chart() -> bytes:
    """Return a small PNG: one bar for each total."""
    height = max(_TOTALS.values())
    rows = [
        b"".join((_GREEN if total > level else _WHITE) * _BAR_WIDTH for total in _TOTALS.values())
        for level in reversed(range(height))
    ]
    size = struct.pack(">II", _BAR_WIDTH * len(_TOTALS), height)
    # Eight bits for each of red, green and blue; every row begins with its filter, none.
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    pieces = ((b"IHDR", size + bytes([8, 2, 0, 0, 0])), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_piece(kind, data) for kind, data in pieces)


def _png_piece(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
