"""Puts the events of a streamed response together again; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..types.responses import OutputText, Response, ResponseFunctionCall, ResponseMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..types.response_events import ResponseStreamEvent
    from ..types.responses import ResponseContentPart, ResponseOutputItem


class _Text:
    """A part of a message while its text arrives."""

    __slots__ = ("done", "part", "pieces", "taken")

    def __init__(self) -> None:
        self.part: ResponseContentPart | None = None
        self.pieces: list[str] = []
        self.taken = 0  # pieces that were handed out
        self.done = False

    def finish(self, part: ResponseContentPart) -> None:
        """Take the part as it is when it is done."""
        self.part = part
        if part.type == "output_text":
            self.complete(part.text)
        else:
            self.done = True

    def complete(self, text: str) -> None:
        """Take what an event says the whole text is; one that says nothing completes nothing."""
        so_far = "".join(self.pieces)
        if text.startswith(so_far):
            self.pieces.append(text.removeprefix(so_far))
        elif not so_far.startswith(text):
            # What was handed out cannot be taken back.
            self.pieces, self.taken = [text], min(self.taken, 1)
        self.done = self.done or bool(text)

    def take(self) -> str:
        """What has not been handed out yet."""
        fresh, self.taken = self.pieces[self.taken :], len(self.pieces)
        return "".join(fresh)

    def snapshot(self) -> ResponseContentPart:
        part = self.part or OutputText()
        if part.type != "output_text":
            return part
        return part.model_copy(update={"text": "".join(self.pieces) or part.text})


class _Item:
    """An item of the output while it arrives."""

    __slots__ = ("arguments", "done", "item", "parts", "settled")

    def __init__(self) -> None:
        self.item: ResponseOutputItem | None = None
        self.done = False
        self.settled = False  # whether no more text of it is to be expected
        self.parts: dict[int, _Text] = {}
        self.arguments: list[str] = []

    def part(self, index: int) -> _Text:
        found = self.parts.get(index)
        if found is None:
            found = self.parts[index] = _Text()
        return found

    def begin(self, item: ResponseOutputItem) -> None:
        """Take the item as it is when it begins."""
        self.item, self.done = item, False
        self.settled = item.type != "message"

    def finish(self, item: ResponseOutputItem) -> None:
        """Take the item as it is when it is done."""
        self.item, self.done = item, True
        if item.type == "message":
            for index, part in enumerate(item.content):
                self.part(index).finish(part)
        # A message that comes back empty may have kept text for the terminal event.
        self.settled = item.type != "message" or not _is_empty(item) or self._has_every_part()

    def _has_every_part(self) -> bool:
        return bool(self.parts) and all(part.done for part in self.parts.values())

    def take(self) -> str:
        """The text that can be handed out: of every part up to the one that is being written."""
        fresh = []
        for index in sorted(self.parts):
            part = self.parts[index]
            fresh.append(part.take())
            if not (part.done or self.settled):
                break
        return "".join(fresh)

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

    __slots__ = ("_base", "_end", "_handed", "_items", "text")

    def __init__(self) -> None:
        self._base: Response | None = None
        self._end: Response | None = None
        self._items: dict[int, _Item] = {}
        self._handed: list[str] = []
        self.text: str = ""
        """What the last event added to the text, in the order of the output: all that was added is `output_text`."""

    @property
    def ended(self) -> bool:
        """Whether the terminal event has come."""
        return self._end is not None

    def add(self, event: ResponseStreamEvent) -> None:
        """Take the next event."""
        self._add(event)
        self.text = self._rest() if self.ended else self._take()
        self._handed.append(self.text)

    def _add(self, event: ResponseStreamEvent) -> None:
        match event.type:
            case "response.created" | "response.in_progress":
                self._base = event.response
            case "response.completed" | "response.incomplete":
                self.end(event.response, event.type.removeprefix("response."))
            case "response.output_item.added":
                self._item(event.output_index).begin(event.item)
            case "response.output_item.done":
                self._item(event.output_index).finish(event.item)
            case "response.content_part.added":
                self._item(event.output_index).part(event.content_index).part = event.part
            case "response.content_part.done":
                self._item(event.output_index).part(event.content_index).finish(event.part)
            case _:
                self._add_text(event)

    def _add_text(self, event: ResponseStreamEvent) -> None:
        match event.type:
            case "response.output_text.delta":
                self._item(event.output_index).part(event.content_index).pieces.append(event.delta)
            case "response.output_text.done":
                self._item(event.output_index).part(event.content_index).complete(event.text)
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

    def _take(self) -> str:
        """The text that can be handed out: of every item up to the one that is being written."""
        fresh = []
        for index in sorted(self._items):
            item = self._items[index]
            fresh.append(item.take())
            if not item.settled:
                break
        return "".join(fresh)

    def _rest(self) -> str:
        """What the whole answer has, and was not handed out."""
        response, handed = self.response(), "".join(self._handed)
        whole = response.output_text
        if whole.startswith(handed):
            return whole[len(handed) :]
        # Not as it was announced: what was handed out already must not come twice.
        return "".join(self._left_out(response, handed))

    def _left_out(self, response: Response, handed: str) -> Iterator[str]:
        for index, item in enumerate(response.output):
            for place, part in enumerate(item.content if item.type == "message" else ()):
                if part.type == "output_text" and part.text not in handed:
                    taken = self._taken(index, place)
                    yield part.text[len(taken) :] if part.text.startswith(taken) else ""

    def _taken(self, index: int, place: int) -> str:
        item = self._items.get(index)
        part = item.parts.get(place) if item is not None else None
        return "".join(part.pieces[: part.taken]) if part is not None else ""

    def _final_output(self, response: Response) -> list[ResponseOutputItem]:
        """What the terminal event says, and what came before it where that leaves something out."""
        if len(response.output) < len(self._items):
            return [self._items[index].snapshot() for index in sorted(self._items)]
        return [
            self._items[index].snapshot() if _is_empty(item) and index in self._items else item
            for index, item in enumerate(response.output)
        ]


def _is_empty(item: ResponseOutputItem) -> bool:
    if item.type == "message":
        return not item.content or not any(part.type != "output_text" or part.text for part in item.content)
    return item.type == "function_call" and not item.arguments
