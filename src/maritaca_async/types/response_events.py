"""Events of a streamed response (contract section 10). Tell them apart by `type`."""

from typing import Any, Literal

from ._base import IntOrNull, JsonText, Model, StrOrNull
from .responses import Response, ResponseContentPart, ResponseOutputItem


class _Event(Model):
    sequence_number: int | None = None
    """Rises by one from event to event, from 1 in the documentation (OpenAI: from 0)."""


class ResponseCreatedEvent(_Event):
    """The response exists."""

    type: Literal["response.created"] = "response.created"
    """`response.created`."""
    response: Response
    """The response, without output yet."""


class ResponseInProgressEvent(_Event):
    """The model has begun."""

    type: Literal["response.in_progress"] = "response.in_progress"
    """`response.in_progress`."""
    response: Response
    """The response, without output yet."""


class ResponseOutputItemAddedEvent(_Event):
    """An item of the output begins."""

    type: Literal["response.output_item.added"] = "response.output_item.added"
    """`response.output_item.added`."""
    output_index: IntOrNull = 0
    """Place in the output."""
    item: ResponseOutputItem
    """The item, still empty."""


class ResponseOutputItemDoneEvent(_Event):
    """An item of the output is complete."""

    type: Literal["response.output_item.done"] = "response.output_item.done"
    """`response.output_item.done`."""
    output_index: IntOrNull = 0
    """Place in the output."""
    item: ResponseOutputItem
    """The item. Execute function calls when the response has ended: see `Response.function_calls`."""


class _PartEvent(_Event):
    item_id: StrOrNull = ""
    """Id of the item."""
    output_index: IntOrNull = 0
    """Place of the item in the output."""
    content_index: IntOrNull = 0
    """Place of the part in the item."""


class ResponseContentPartAddedEvent(_PartEvent):
    """A part of a message begins."""

    type: Literal["response.content_part.added"] = "response.content_part.added"
    """`response.content_part.added`."""
    part: ResponseContentPart
    """The part, still empty."""


class ResponseContentPartDoneEvent(_PartEvent):
    """A part of a message is complete."""

    type: Literal["response.content_part.done"] = "response.content_part.done"
    """`response.content_part.done`."""
    part: ResponseContentPart
    """The part."""


class ResponseTextDeltaEvent(_PartEvent):
    """A piece of text arrived."""

    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    """`response.output_text.delta`."""
    delta: StrOrNull = ""
    """The piece."""


class ResponseTextDoneEvent(_PartEvent):
    """The text of a part is complete."""

    type: Literal["response.output_text.done"] = "response.output_text.done"
    """`response.output_text.done`."""
    text: StrOrNull = ""
    """The whole text."""


class ResponseFunctionCallArgumentsDeltaEvent(_Event):
    """A piece of a function call's arguments arrived (unconfirmed)."""

    type: Literal["response.function_call_arguments.delta"] = "response.function_call_arguments.delta"
    """`response.function_call_arguments.delta`."""
    item_id: StrOrNull = ""
    """Id of the item."""
    output_index: IntOrNull = 0
    """Place of the item in the output."""
    delta: StrOrNull = ""
    """The piece of JSON text."""


class ResponseFunctionCallArgumentsDoneEvent(_Event):
    """A function call's arguments are complete (unconfirmed)."""

    type: Literal["response.function_call_arguments.done"] = "response.function_call_arguments.done"
    """`response.function_call_arguments.done`."""
    item_id: StrOrNull = ""
    """Id of the item."""
    output_index: IntOrNull = 0
    """Place of the item in the output."""
    arguments: JsonText = ""
    """The whole JSON text. Execute calls when the response has ended: see `Response.function_calls`."""


class ResponseCompletedEvent(_Event):
    """The response is complete; the stream ends here."""

    type: Literal["response.completed"] = "response.completed"
    """`response.completed`."""
    response: Response
    """The response, with its usage."""


class ResponseIncompleteEvent(_Event):
    """The response ended early; the stream ends here (unconfirmed)."""

    type: Literal["response.incomplete"] = "response.incomplete"
    """`response.incomplete`."""
    response: Response
    """The response, with the reason in `incomplete_details`."""


class ResponseUnknownEvent(_Event):
    """An event of a kind that this library does not know."""

    type: Literal["unknown"] = "unknown"
    """Always `unknown`: what the server wrote is in `name`."""
    name: str = ""
    """The server's name of the event."""
    data: dict[str, Any] = {}
    """The event's data as received."""


ResponseStreamEvent = (
    ResponseCreatedEvent
    | ResponseInProgressEvent
    | ResponseOutputItemAddedEvent
    | ResponseOutputItemDoneEvent
    | ResponseContentPartAddedEvent
    | ResponseContentPartDoneEvent
    | ResponseTextDeltaEvent
    | ResponseTextDoneEvent
    | ResponseFunctionCallArgumentsDeltaEvent
    | ResponseFunctionCallArgumentsDoneEvent
    | ResponseCompletedEvent
    | ResponseIncompleteEvent
    | ResponseUnknownEvent
)
"""Any event of a streamed response. `response.failed` is none of them: it is raised as `APIStreamError`."""
