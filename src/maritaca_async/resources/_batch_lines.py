"""From a line of a batch's output to its result; no I/O."""

from __future__ import annotations

import time
from typing import Any

from pydantic_core import from_json, to_json

from .._core.http_info import HttpInfo
from .._core.request import BODY_LIMIT, ErrorDetails, first_line, parse_error, snippet, status_error
from ..errors import APIError, APIResponseError, APIStreamError, RequestInfo
from ..types.batches import BatchResult
from ._chat_decoder import parse_completion

_RETRYABLE_CODES = frozenset({"batch_expired", "batch_cancelled"})


def parse_result(line: str, endpoint: str) -> BatchResult:
    """The result that a line stands for; never raises, for one bad line must not cost the others.

    Args:
        line: The line as it came.
        endpoint: What the line asked for, to name in its error.
    """
    try:
        parsed = from_json(line)
    except ValueError as error:
        return _failed(line, {}, _unreadable(line, f"not JSON: {first_line(error)}"))
    if not isinstance(parsed, dict):
        return _failed(line, {}, _unreadable(line, "not a JSON object"))
    response = parsed.get("response")
    if not isinstance(response, dict) or not response:
        return _failed(line, parsed, _reported(line, parsed.get("error")))
    return _answered(line, parsed, response, endpoint)


def _answered(line: str, parsed: dict[str, Any], response: dict[str, Any], endpoint: str) -> BatchResult:
    status, body = response.get("status_code"), response.get("body")
    if isinstance(status, int) and status >= 400:
        told = body or parsed.get("error") or {}
        return _failed(line, parsed, _status_error(status, told, response, endpoint))
    if parsed.get("error"):
        return _failed(line, parsed, _reported(line, parsed["error"]))
    try:
        completion = parse_completion(_as_json(body))
    except ValueError as error:
        return _failed(line, parsed, _unreadable(line, f"not the documented answer: {first_line(error)}"))
    return BatchResult(_name(parsed), completion, None, _status(parsed), _request_id(parsed), line)


def _failed(line: str, parsed: dict[str, Any], error: APIError) -> BatchResult:
    return BatchResult(_name(parsed), None, error, _status(parsed), _request_id(parsed), line)


def _status_error(status: int, body: Any, response: dict[str, Any], endpoint: str) -> APIError:
    request_id = response.get("request_id")
    headers = ((b"x-request-id", request_id.encode()),) if isinstance(request_id, str) else ()
    http = HttpInfo(status, headers, attempts=1, elapsed=0.0)
    request = RequestInfo("POST", endpoint, attempt=1)
    return status_error(status, "", _as_json(body), http, request, time.time())


def _reported(line: str, error: Any) -> APIError:
    """The error of a line that got no answer at all."""
    if not error:
        return _unreadable(line, "it has neither an answer nor an error")
    told = parse_error(_as_json({"error": error}).decode("utf-8", "replace"))
    details = told if told.message else ErrorDetails(snippet(_as_json(error)))
    code = f" ({details.code})" if details.code else ""
    reported = APIStreamError(
        f"the batch gave no answer to this line: {details.message}{code}",
        code=details.code,
        type=details.type,
        body=line[:BODY_LIMIT],
    )
    reported.retryable = details.code in _RETRYABLE_CODES
    return reported


def _unreadable(line: str, why: str) -> APIError:
    return APIResponseError(f"a line of the batch's output is {why}: {snippet(line)}", body=line[:BODY_LIMIT])


def _as_json(value: Any) -> bytes:
    """JSON from a value, or from text that holds it already."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else to_json(value)


def _name(parsed: dict[str, Any]) -> str:
    name = parsed.get("custom_id")
    return "" if name is None else str(name)


def _response(parsed: dict[str, Any]) -> dict[str, Any]:
    response = parsed.get("response")
    return response if isinstance(response, dict) else {}


def _status(parsed: dict[str, Any]) -> int | None:
    status = _response(parsed).get("status_code")
    return status if isinstance(status, int) else None


def _request_id(parsed: dict[str, Any]) -> str | None:
    request_id = _response(parsed).get("request_id")
    return request_id if isinstance(request_id, str) else None
