"""From the events of a response stream to typed events, and from a body to a response; no I/O."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import from_json

from .._core.log import logger
from .._core.request import BODY_LIMIT, first_line, parse_error, snippet
from ..errors import APIResponseError, APIStreamError
from ..types.response_events import ResponseCompletedEvent, ResponseStreamEvent, ResponseUnknownEvent
from ..types.responses import Response
from ._chat_decoder import TRANSIENT
from ._response_accumulator import ResponseAccumulator
from ._response_answer import failure_reason

if TYPE_CHECKING:
    from .._core.sse import ServerSentEvent

_DONE: Final = b"[DONE]"
_FAILED: Final = "response.failed"
_TERMINAL: Final = frozenset({"response.completed", "response.incomplete", _FAILED})
_KINDS: Final = {
    kind.model_fields["type"].default: kind
    for kind in get_args(ResponseStreamEvent)
    if kind is not ResponseUnknownEvent
}


class ResponseDecoder:
    """Decodes one response stream and keeps what it brought."""

    __slots__ = ("_last_number", "accumulator", "has_gap")

    def __init__(self) -> None:
        self.accumulator = ResponseAccumulator()
        self.has_gap = False
        self._last_number: int | None = None

    def is_end(self, event: ServerSentEvent) -> bool:
        """Whether an event is the terminal event, or an end marker."""
        name, data = event
        if name in _KINDS or name == _FAILED:
            return name in _TERMINAL
        return data.startswith(_DONE) or _type_of(data) in _TERMINAL

    def decode(self, event: ServerSentEvent) -> ResponseStreamEvent | None:
        """The typed event; None for an end marker, and for anything after the terminal event.

        Raises:
            APIStreamError: the response failed, or the server reported an error.
            APIResponseError: the event is not the documented JSON.
        """
        name, data = event
        if self.accumulator.ended or data.startswith(_DONE):
            return None
        item: ResponseStreamEvent | None = None
        if name in _KINDS:
            # An event whose `type` is missing or says something else is looked at again.
            with suppress(ValidationError):
                item = _KINDS[name].model_validate_json(data)
        if item is None:
            item = self._decode_unnamed(name, data)
        self._watch(item.sequence_number)
        self.accumulator.add(item)
        return item

    def whole(self, body: bytes) -> ResponseStreamEvent:
        """A response that came as one document, as the terminal event.

        Raises:
            APIStreamError: the document is an error message, or a response that failed.
            ValueError: it is not a response.
        """
        value = from_json(body)
        if isinstance(value, dict) and value.get("status") == "failed":
            raise self._failure({"response": value}, body)
        if not isinstance(value, dict) or "output" not in value:
            details = parse_error(body.decode("utf-8", "replace"))
            if details.message:
                raise _reported(details.message, value, body)
        event = ResponseCompletedEvent(response=parse_response(body))
        self.accumulator.add(event)
        return event

    def may_end(self) -> bool:
        """Whether the answer is complete."""
        return self.accumulator.ended

    def received(self, *, failed: bool = False) -> Response:  # noqa: ARG002 - `ended` tells the same here
        """What has been decoded, as a response; no call of an unfinished one may be executed."""
        return self.accumulator.response()

    def _decode_unnamed(self, name: str, data: bytes) -> ResponseStreamEvent:
        """The event that its data, rather than its name, says it is."""
        try:
            value = from_json(data)
        except ValueError:
            value = None
        if name == "error" and not isinstance(value, dict):
            raise _reported("", None, data)
        if not isinstance(value, dict):
            raise _malformed("it is not a JSON object", data)
        kind = value.get("type")
        kind = kind if isinstance(kind, str) else name
        if kind == _FAILED:
            raise self._failure(value, data)
        if kind in _KINDS:
            try:
                event: ResponseStreamEvent = _KINDS[kind].model_validate({**value, "type": kind})
            except ValidationError as error:
                raise _malformed(first_line(error), data) from None
            return event
        _raise_reported_error(kind, value, data)
        number = value.get("sequence_number")
        number = number if isinstance(number, int) else None
        return ResponseUnknownEvent(name=kind, data=value, sequence_number=number)

    def _failure(self, value: dict[str, Any], data: bytes) -> APIStreamError:
        """The error for a response that failed; what it brought is kept."""
        found = value.get("response")
        found = found if isinstance(found, dict) else {}
        reason = found.get("error") or value.get("error")
        try:
            response = Response.model_validate({**found, "error": reason})
        except ValidationError:
            response = Response()
        self.accumulator.end(response, "failed")
        code = response.error.code if response.error is not None else ""
        return _stream_error(f"the response failed: {failure_reason(response)}", code, "", data)

    def _watch(self, number: int | None) -> None:
        if number is None:
            return
        last, self._last_number = self._last_number, number
        if number != last + 1 if last is not None else number not in (0, 1):
            self.has_gap = True
            logger.warning(
                "a response stream went from event %s to %d: events may be missing",
                "the start" if last is None else last,
                number,
            )


def parse_response(body: bytes) -> Response:
    """A response from its JSON. One that failed is a response, too.

    Raises:
        ValueError: not JSON, or not a response.
    """
    response = Response.model_validate_json(body)

    if "output" not in response.model_fields_set and response.status in (None, "completed"):
        raise ValueError("the answer has no output")
    return response


def _type_of(data: bytes) -> Any:
    try:
        value = from_json(data)
    except ValueError:
        return None
    return value.get("type") if isinstance(value, dict) else None


def _raise_reported_error(kind: str, value: dict[str, Any], data: bytes) -> None:
    """Raise if an event of an unknown kind is an error message, whatever else it holds."""
    text = data.decode("utf-8", "replace")
    # A kind that we do not know may well have a field called `message`.
    if kind == "error" or value.get("error") or value.get("detail") or not kind:
        details = parse_error(text)
        if details.message or kind == "error":
            raise _reported(details.message, value, data)


def _reported(message: str, value: Any, data: bytes) -> APIStreamError:
    text = data.decode("utf-8", "replace")
    details = parse_error(text)
    flat = value if isinstance(value, dict) else {}
    return _stream_error(
        f"the server reported an error in the stream: {message or snippet(text) or 'no message'}",
        details.code or str(flat.get("code") or ""),
        details.type or "",
        data,
    )


def _stream_error(message: str, code: str, kind: str, data: bytes) -> APIStreamError:
    body = data[:BODY_LIMIT].decode("utf-8", "replace")
    error = APIStreamError(message, code=code or None, type=kind or None, body=body)
    error.retryable = code in TRANSIENT or kind in TRANSIENT
    return error


def _malformed(problem: str, data: bytes) -> APIResponseError:
    return APIResponseError(
        f"an event of the stream is not the documented one: {problem}: {snippet(data)}",
        body=data[:BODY_LIMIT].decode("utf-8", "replace"),
    )
