"""From what was written in one call to the parameters of that call; no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from langchain_core.utils import get_pydantic_field_names

from maritaca_async.types import CompletionParams

from ._errors import ChatMaritacaConfigurationError
from ._tools import is_wire, wire_tools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_PACKAGE: Final = __name__.partition(".")[0]
# Fields whose name is not the parameter's.
_OTHER_NAMES: Final = {"model_name": "model", "stop_sequences": "stop", "request_timeout": "timeout"}
_PER_CALL: Final = frozenset({*CompletionParams.__annotations__, *_OTHER_NAMES, "stream_usage"}) - {
    "messages"
}


@cache
def constructor_only(model: type[BaseModel]) -> frozenset[str]:
    """The fields that no call can set; those that a subclass adds are its own business."""
    ours = next(base for base in model.__mro__ if base.__module__.partition(".")[0] == _PACKAGE)
    return frozenset({*get_pydantic_field_names(ours), "messages"}) - _PER_CALL


def call_parameters(
    call: Mapping[str, Any], stop: list[str] | None, refused: frozenset[str]
) -> dict[str, Any]:
    """The parameters of one call: known by the service's names, and its tools as `bind_tools` makes them.

    Args:
        call: What was written.
        stop: Texts that end the answer, which LangChain hands over by themselves.
        refused: What no call can set; such as the key, which must not get into requests and traces.

    Raises:
        ChatMaritacaConfigurationError: something that no call can set, that was given twice, or no tools.
    """
    if not call:
        return {} if stop is None else {"stop": stop}
    if misplaced := call.keys() & refused:
        raise ChatMaritacaConfigurationError(
            f"no parameters of a call: {', '.join(sorted(misplaced))}; give them to the constructor, to "
            "model_copy(update={...}) or to configurable_fields"
        )
    found = dict(call) if stop is None else {**call, "stop": stop}
    for field in _OTHER_NAMES.keys() & call.keys():
        if _OTHER_NAMES[field] in found:
            raise ChatMaritacaConfigurationError(f"given twice: {_OTHER_NAMES[field]}, also as {field}")
        found[_OTHER_NAMES[field]] = found.pop(field)
    return with_wire_tools(found)


def with_wire_tools(call: dict[str, Any]) -> dict[str, Any]:
    """What was written in a call, its tools as a request takes them.

    Raises:
        ChatMaritacaConfigurationError: tools that cannot be sent, or one that is switched off at once.
    """
    tools = call.get("tools")
    if tools is None or is_wire(tools):
        return call
    if not isinstance(tools, Sequence):
        raise ChatMaritacaConfigurationError(f"tools must be a list of tools, not {tools!r:.200}")
    functions, flags = wire_tools(tools)
    refuse_contradiction(flags, call)
    ready = {name: value for name, value in call.items() if name != "tools"} | flags
    return {**ready, "tools": functions} if functions or not flags else ready


def refuse_contradiction(flags: Mapping[str, bool], given: Mapping[str, Any]) -> None:
    """See to it that no built-in tool is asked for and switched off at once.

    Raises:
        ChatMaritacaConfigurationError: one is.
    """
    if refused := [name for name in flags if given.get(name) is False]:
        raise ChatMaritacaConfigurationError(
            f"asked for among the tools, and switched off: {', '.join(refused)}"
        )
