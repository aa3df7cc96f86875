"""What the callback handlers of this package have in common."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from langchain_core.callbacks import BaseCallbackHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import BaseMessage
    from langchain_protocol.protocol import MessagesData

# One for all handlers: it is held for microseconds, and handlers stay picklable with their model. A thread
# that holds it may need it again: a garbage collection in between closes abandoned streams, which ends their runs.
LOCK: Final = threading.RLock()


Known = TypeVar("Known")


class OpenRuns(WeakKeyDictionary[UUID, Known]):
    """What is known of each run under way, for as long as somebody can still end it.

    LangChain never tells how a cancelled `ainvoke` ends. Whatever could tell holds the run's id, the very
    object that came with the start: when that goes, so does the entry.
    """

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return OpenRuns, ()  # in another process nobody will end them


class RunObserver(BaseCallbackHandler):
    """A handler that treats the runs of chat models and of text models alike."""

    run_inline = True
    """True: on an event loop the events are handled there, without a thread."""

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note that a run of a chat model starts."""
        del serialized, messages
        self._start(run_id, kwargs.get("invocation_params") or {})

    def on_llm_start(
        self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Note that a run of a text model starts."""
        del serialized, prompts
        self._start(run_id, kwargs.get("invocation_params") or {})

    def on_stream_event(self, event: MessagesData, *, run_id: UUID, **kwargs: Any) -> Any:
        """Take a piece of an answer that is streamed as events (`version="v3"`) like any other."""
        del kwargs
        if event["event"] == "content-block-delta":
            delta = event["delta"]
            self.on_llm_new_token(delta["text"] if delta["type"] == "text-delta" else "", run_id=run_id)

    def _start(self, run_id: UUID, params: Mapping[str, Any]) -> None:
        """Note that a run starts, and what it asks for."""
        raise NotImplementedError
