"""Puts the events of a streamed response together again; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types.responses import OutputText, Response, ResponseFunctionCall, ResponseMessage

if TYPE_CHECKING:
    from ..types.response_events import ResponseStreamEvent
    from ..types.responses import ResponseContentPart, ResponseOutputItem


class _Text:
    """A part of a message while its text arrives."""

    __slots__ = ("part", "pieces")

    def __init__(self) -> None:
        self.part: ResponseContentPart | None = None
        self.pieces: list[str] = []

    def snapshot(self) -> ResponseContentPart:
        part = self.part or OutputText()
        if part.type != "output_text":
            return part
        return part.model_copy(update={"text": "".join(self.pieces) or part.text})


class _Item:
    """An item of the output while it arrives."""

    __slots__ = ("arguments", "done", "item", "parts")

    def __init__(self) -> None:
        self.item: ResponseOutputItem | None = None
        self.done = False
        self.parts: dict[int, _Text] = {}
        self.arguments: list[str] = []

    def part(self, index: int) -> _Text:
        found = self.parts.get(index)
        if found is None:
            found = self.parts[index] = _Text()
        return found

    def snapshot(self) -> ResponseOutputItem:
        """The item so far: what it said of itself when it was done, else its pieces."""
        item = self.item
        if item is None:
            item = ResponseFunctionCall(status="in_progress") if self.arguments else ResponseMessage()
        if self.done and not _is_empty(item):
            return item
        if item.type == "message" and self.parts:
            parts = [self.parts[index].snapshot() for index in sorted(self.parts)]
            return item.model_copy(update={"content": parts})
        if item.type == "function_call":
            return item.model_copy(update={"arguments": "".join(self.arguments) or item.arguments})
        return item


class ResponseAccumulator:
    """A response while its events arrive."""

    __slots__ = ("_base", "_end", "_items", "_streamed")

    def __init__(self) -> None:
        self._base: Response | None = None
        self._end: Response | None = None
        self._items: dict[int, _Item] = {}
        self._streamed: list[str] = []

    @property
    def ended(self) -> bool:
        """Whether the terminal event has come."""
        return self._end is not None

    @property
    def unstreamed(self) -> str:
        """Text at the end of the answer that came in no delta: with its done events, or all at once."""
        whole, streamed = self.response().output_text, "".join(self._streamed)
        return whole[len(streamed) :] if whole.startswith(streamed) else ""

    def add(self, event: ResponseStreamEvent) -> None:
        """Take the next event."""
        match event.type:
            case "response.created" | "response.in_progress":
                self._base = event.response
            case "response.completed" | "response.incomplete":
                self.end(event.response, event.type.removeprefix("response."))
            case "response.output_item.added" | "response.output_item.done":
                item = self._item(event.output_index)
                item.item, item.done = event.item, event.type == "response.output_item.done"
            case "response.content_part.added" | "response.content_part.done":
                self._item(event.output_index).part(event.content_index).part = event.part
            case _:
                self._add_text(event)

    def _add_text(self, event: ResponseStreamEvent) -> None:
        match event.type:
            case "response.output_text.delta":
                self._item(event.output_index).part(event.content_index).pieces.append(event.delta)
                self._streamed.append(event.delta)
            case "response.output_text.done":
                if event.text:
                    self._item(event.output_index).part(event.content_index).pieces = [event.text]
            case "response.function_call_arguments.delta":
                self._item(event.output_index).arguments.append(event.delta)
            case "response.function_call_arguments.done":
                if event.arguments:
                    self._item(event.output_index).arguments = [event.arguments]

    def end(self, response: Response, status: str) -> None:
        """Take the response of the terminal event; `status` stands in for one that it leaves out."""
        self._end = response if response.status else response.model_copy(update={"status": status})

    def response(self) -> Response:
        """The response so far. Only one that has ended has calls that may be executed."""
        if self._end is not None:
            return self._end.model_copy(update={"output": self._final_output(self._end)})
        base = self._base or Response()
        items = [self._items[index].snapshot() for index in sorted(self._items)]
        return base.model_copy(update={"output": items, "status": "in_progress"})

    def _item(self, index: int) -> _Item:
        found = self._items.get(index)
        if found is None:
            found = self._items[index] = _Item()
        return found

    def _final_output(self, response: Response) -> list[ResponseOutputItem]:
        """What the terminal event says, and what came before it where that leaves something out."""
        if not response.output:
            return [self._items[index].snapshot() for index in sorted(self._items)]
        return [
            self._items[index].snapshot() if _is_empty(item) and index in self._items else item
            for index, item in enumerate(response.output)
        ]


def _is_empty(item: ResponseOutputItem) -> bool:
    if item.type == "message":
        return not item.content or not any(part.type != "output_text" or part.text for part in item.content)
    return item.type == "function_call" and not item.arguments
