"""The input file of a batch: its lines and its limits (contract section 18); no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack

from .._core.request import encode_body
from ..errors import ConfigurationError
from ..types.batches import BatchLine
from ._base import mapping_option
from ._chat_request import KNOWN, completion_body
from ._parameters import OPTION_NAMES, request_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..types.chat_params import CompletionParams

ENDPOINT: Final = "/v1/chat/completions"
"""What every line asks for. It is data, not a path below the base URL."""
MAX_LINES: Final = 50_000
"""Most requests of one file."""
MAX_BYTES: Final = 200_000_000
"""Largest input file, in bytes: 200 MB in the smaller of its two meanings."""


def batch_line(custom_id: str, **params: Unpack[CompletionParams]) -> BatchLine:
    """One request of a batch.

    Args:
        custom_id: Your name for it, unique in its file; the result carries the same.
        **params: What `chat.completions.create` takes, `extra_body` included; options of a call, such as
            `timeout`, have no place in a line.

    Raises:
        ConfigurationError: a name or parameter that cannot work.
    """
    request_name(custom_id)
    given: Mapping[str, Any] = params
    for name in given:
        if name not in KNOWN or name in OPTION_NAMES - {"extra_body"}:
            raise ConfigurationError(f"{name!r} has no place in line {custom_id!r} of a batch")
    body = {**completion_body(given, stream=False), **mapping_option(given, "extra_body")}
    if body.get("stream"):
        raise ConfigurationError(f"line {custom_id!r} asks for a stream, which a batch cannot give")
    line = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
    return BatchLine(custom_id, body["model"], encode_body(line) + b"\n")


def batch_file(lines: Iterable[BatchLine]) -> bytes:
    """The content of an input file, for `files.create(file=...)`.

    Args:
        lines: The requests, made by `batch_line`: one model, different names, at most 50,000 and 200 MB.

    Raises:
        ConfigurationError: no lines, or lines that cannot be in one file; says which.
    """
    seen: dict[str, None] = {}
    content = bytearray()
    model: str | None = None
    for line in lines:
        if not isinstance(line, BatchLine):
            raise ConfigurationError(f"lines must come from batch_line(...), not be {type(line).__name__}")
        model = model or line.model
        if line.model != model:
            raise ConfigurationError(
                f"line {line.custom_id!r} asks {line.model!r} and earlier ones {model!r}: "
                "a batch has one model, so make a file for each"
            )
        if line.custom_id in seen:
            raise ConfigurationError(
                f"custom_id {line.custom_id!r} is there twice: results are told apart by it"
            )
        seen[line.custom_id] = None
        content += line.data
        _check_size(len(seen), len(content))
    if not seen:
        raise ConfigurationError("a batch needs at least one line")
    return bytes(content)


def _check_size(lines: int, size: int) -> None:
    if lines > MAX_LINES:
        raise ConfigurationError(f"more than {MAX_LINES:,} lines: split them into several files")
    if size > MAX_BYTES:
        raise ConfigurationError(
            f"more than {MAX_BYTES:,} bytes in {lines:,} lines: split them into several files"
        )
