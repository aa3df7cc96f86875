"""The input file of a batch, checked as the guide describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

ENDPOINTS: Final = ("/v1/chat/completions", "/chat/completions")
"""Both of the spellings in the documentation."""
_MOST_LINES: Final = 50_000


@dataclass(frozen=True, slots=True)
class InputLine:
    """One request."""

    custom_id: str
    body: dict[str, Any]


class InputProblem(Exception):  # noqa: N818  it ends as a word in the batch, not as an error
    """A line that makes the service refuse the whole file."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        """Keep what the batch's ``errors`` will say."""
        super().__init__(message)
        self.wire = {"code": code, "message": message, "line": line, "param": None}


def parse_input(data: bytes, endpoint: str) -> list[InputLine]:
    """Return the requests of a file.

    Raises:
        InputProblem: the first thing that is wrong with it.
    """
    rows = [row for row in data.split(b"\n") if row.strip()]
    if not rows:
        raise InputProblem("empty_file", "The input file has no requests")
    if len(rows) > _MOST_LINES:
        raise InputProblem("too_many_tasks", f"The input file has more than {_MOST_LINES} requests")
    lines = [_line(number, row, endpoint) for number, row in enumerate(rows, 1)]
    names: set[str] = set()
    for number, line in enumerate(lines, 1):
        if line.custom_id in names:
            raise InputProblem("duplicate_custom_id", f"custom_id '{line.custom_id}' is there twice", number)
        names.add(line.custom_id)
        if line.body.get("model") != lines[0].body.get("model"):
            raise InputProblem("mismatched_model", "All requests of a batch must ask the same model", number)
    return lines


def _line(number: int, row: bytes, endpoint: str) -> InputLine:
    try:
        line = json.loads(row)
    except ValueError as error:
        raise InputProblem("invalid_json_line", f"The line is not JSON: {error}", number) from error
    if not isinstance(line, dict) or line.keys() != {"custom_id", "method", "url", "body"}:
        raise InputProblem("invalid_line", "A line has custom_id, method, url and body", number)
    name, body = line["custom_id"], line["body"]
    if not isinstance(name, str) or not name or not isinstance(body, dict):
        raise InputProblem("invalid_line", "custom_id must be a string and body an object", number)
    if line["method"] != "POST" or line["url"] != endpoint:
        raise InputProblem("invalid_url", f"The line must be a POST to {endpoint}", number)
    if body.get("stream"):
        raise InputProblem("invalid_request", "A batch cannot stream", number)
    return InputLine(name, body)
