"""From the events of a chat stream to chunks; no I/O."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from .._core.request import BODY_LIMIT, first_line, parse_error, snippet
from ..errors import APIResponseError, APIStreamError
from ..types.chat import ChatCompletion, ChatCompletionChunk
from ._chat_accumulator import ChatAccumulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._core.sse import ServerSentEvent
    from ._chat_accumulator import Arrivals

_DONE = b"[DONE]"
TRANSIENT = frozenset(
    {
        "server_error",
        "internal_error",
        "internal_server_error",
        "overloaded",
        "rate_limit_exceeded",
        "429",
        "500",
        "503",
    }
)
"""Codes and types of reported errors after which the same request may succeed."""


@cache
def _chunk_validator() -> Callable[[bytes], ChatCompletionChunk]:
    # Cheaper by call than `model_validate_json`, and not built before it is needed.
    return TypeAdapter(ChatCompletionChunk).validator.validate_json


def parse_chunk(data: bytes) -> ChatCompletionChunk:
    """A chunk from its JSON.

    Raises:
        pydantic.ValidationError: it is no chunk.
    """
    return _chunk_validator()(data)


class ChatDecoder:
    """Decodes one chat stream and keeps what it brought."""

    __slots__ = ("_validate", "accumulator")

    def __init__(self, expected: int = 1, arrivals: Arrivals | None = None) -> None:
        self._validate = _chunk_validator()
        self.accumulator = ChatAccumulator(expected, arrivals)

    def is_end(self, event: ServerSentEvent) -> bool:
        """Whether an event is the end marker."""
        return event[1].startswith(_DONE)

    def decode(self, event: ServerSentEvent) -> ChatCompletionChunk | None:
        """The chunk of an event; None for the end marker.

        Raises:
            APIStreamError: the event is the server's error message.
            APIResponseError: the event is not a chunk.
        """
        name, data = event
        if data.startswith(_DONE):
            self.accumulator.done = True
            return None
        if name == "error":
            _raise_reported_error(event)
        try:
            chunk = self._validate(data)
        except ValidationError as error:
            _raise_reported_error(event)
            raise APIResponseError(
                f"an event of the stream is not a chunk: {first_line(error)}: {snippet(data)}",
                body=data[:BODY_LIMIT].decode("utf-8", "replace"),
            ) from None
        unknown = chunk.__pydantic_extra__
        if unknown and ("error" in unknown or not chunk.choices):
            _raise_reported_error(event)
        self.accumulator.add(chunk, unknown)
        return chunk

    def whole(self, body: bytes) -> ChatCompletionChunk:
        """An answer that came as one document, as a chunk.

        Raises:
            APIStreamError: the document is an error message.
            ValueError: it is not a completion.
        """
        details = parse_error(body.decode("utf-8", "replace"))
        if details.message:
            raise APIStreamError(
                f"the server answered a stream with an error: {details.message}",
                code=details.code,
                type=details.type,
            )
        completion = parse_completion(body)
        chunk = _as_chunk(completion)
        self.accumulator.add(chunk, chunk.model_extra)
        return chunk

    def may_end(self) -> bool:
        """Whether the answer is complete."""
        return self.accumulator.complete

    def received(self, *, failed: bool = False) -> ChatCompletion:
        """What has been decoded, as a completion; no call of a failed one may be executed."""
        return self.accumulator.completion(failed=failed)


def parse_completion(body: bytes) -> ChatCompletion:
    """A completion from its JSON.

    Raises:
        ValueError: not JSON, not a completion, or one without any answer.
    """
    completion = ChatCompletion.model_validate_json(body)
    if not completion.choices:
        raise ValueError("the answer has no choices")
    for choice in completion.choices:
        # Some samples of the contract nest the reason in the message.
        if choice.finish_reason is None and (extra := choice.message.model_extra):
            nested = extra.get("finish_reason")
            choice.finish_reason = nested if isinstance(nested, str) else None
    return completion


def _as_chunk(completion: ChatCompletion) -> ChatCompletionChunk:
    wire = completion.model_dump(exclude_unset=True)
    for choice in wire["choices"]:
        delta = choice["delta"] = choice.pop("message")
        for index, call in enumerate(delta.get("tool_calls") or ()):
            call["index"] = index
        choice["finish_reason"] = choice.get("finish_reason") or "stop"
    return ChatCompletionChunk.model_validate(wire)


def _raise_reported_error(event: ServerSentEvent) -> None:
    """Raise if the event is an error message, whatever else it holds."""
    name, data = event
    text = data.decode("utf-8", "replace")
    details = parse_error(text)
    if not details.message and name != "error":
        return
    error = APIStreamError(
        f"the server reported an error in the stream: {details.message or snippet(text) or 'no message'}",
        code=details.code,
        type=details.type,
        body=text[:BODY_LIMIT],
    )
    error.retryable = details.code in TRANSIENT or details.type in TRANSIENT
    raise error
