"""The published table of tokens: found, read once, and put to work by tiktoken (contract section 23)."""

from __future__ import annotations

import base64
import re
import threading
import unicodedata
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tiktoken import Encoding

_TABLE: Final = "tokenizer_model_v4.py"
# Contractions, words, single digits, punctuation, blanks. Possessive where nothing is lost by it, for
# the engine's stack is finite.
_SPLIT: Final = (
    r"'(?i:[sdmt]|ll|re|ve)"
    r"|[^\r\n\p{L}\p{N}]?+\p{L}++"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]++|\s+(?!\S)|\s"
)
# Some 700,000 blanks in a row overflow that stack. Text is cut behind such runs, where no token can be.
_LONG_TEXT: Final = 100_000
_LONG_RUN: Final = re.compile(r"(?<![^\S\x1c-\x1f])[^\S\x1c-\x1f]{10000,}")


class _Home:
    """Where the process keeps its encoder."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.built = False
        self.encoder: Encoding | None = None


_home: Final = _Home()


def exact_count(text: str) -> int | None:
    """Tokens of a text by the published table, None where the `tokenizer` extra is not installed."""
    encoder = _encoder()
    if encoder is None:
        return None
    return sum(len(encoder.encode_ordinary(part)) for part in _parts(unicodedata.normalize("NFC", text)))


def _parts(text: str) -> Iterator[str]:
    start = 0
    if len(text) > _LONG_TEXT:
        for run in _LONG_RUN.finditer(text):
            if run.end() == len(text):
                break
            # The last blank belongs to the word behind it, unless it ends a line.
            end = run.end() if text[run.end() - 1] in "\r\n" else run.end() - 1
            yield text[start:end]
            start = end
    yield text[start:]


def _encoder() -> Encoding | None:
    if not _home.built:
        with _home.lock:
            if not _home.built:
                _home.encoder = _build()
                _home.built = True
    return _home.encoder


def _build() -> Encoding | None:
    table = _table()
    if table is None or find_spec("tiktoken") is None:
        return None
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, table.splitlines())}
    # Imported here, because it takes longer than the whole of this package.
    tiktoken = import_module("tiktoken")
    encoder: Encoding = tiktoken.Encoding("sabia-4", pat_str=_SPLIT, mergeable_ranks=ranks, special_tokens={})
    return encoder


def _table() -> str | None:
    """The table's text, read without importing `maritalk`, which would import transformers."""
    package = find_spec("maritalk")
    folders = (package.submodule_search_locations or ()) if package else ()
    path = next((path for folder in folders if (path := Path(folder, _TABLE)).is_file()), None)
    spec = spec_from_file_location("maritalk_token_table", path) if path else None
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    table: str = module.data
    return table
