"""From LangChain's tools and choices to those of a request; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool

from ._errors import ChatMaritacaConfigurationError
from ._schemas import recursive_parameters, unconvertible, without_typed_dict

Wire = dict[str, Any]

_CHOICES: Final = frozenset({"auto", "none", "required"})
_FLAGS: Final = {
    "web_search": "web_search",
    "web_search_preview": "web_search",
    "code_interpreter": "code_execution",
    "code_execution": "code_execution",
    "data_ocean": "data_ocean",
}
# Types that stand for a function, or in a JSON Schema for its arguments.
_FUNCTIONS: Final = frozenset({"function", "object"})

BUILT_IN: Final = frozenset(_FLAGS.values())
"""Parameters that switch on tools which run on the service; such calls cannot stream."""


def wire_tools(tools: Sequence[Any], *, strict: bool | None = None) -> tuple[list[Wire], dict[str, bool]]:
    """Function tools as a request takes them, and the flags that stand for Maritaca's built-in tools.

    Raises:
        ChatMaritacaConfigurationError: a tool that the service does not have or that nothing can be made of.
    """
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        raise ChatMaritacaConfigurationError(f"tools must be a list of tools, not {tools!r:.200}")
    functions: list[Wire] = []
    flags: dict[str, bool] = {}
    for tool in tools:
        if flag := _flag(tool):
            flags[flag] = True
        else:
            functions.append(_function(tool, strict=strict))
    return functions, flags


def is_wire(tools: Any) -> bool:
    """Whether these are functions as a request takes them already."""
    return isinstance(tools, list) and all(_name_of(tool) for tool in tools)


def wire_tool_choice(choice: Any, tools: Sequence[Any] | None = None) -> Any:
    """A tool choice as a request takes it: None where the caller made none.

    Args:
        choice: A tool's name, `auto`, `any` (or True), `none`, False or None, or the wire's own form.
        tools: The functions to choose from, to see whether the choice can be met. None: not yet known.

    Raises:
        ChatMaritacaConfigurationError: not a choice, or none that these tools can meet.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice == "any":
        choice = "required"
    elif isinstance(choice, str) and choice not in _CHOICES:
        choice = {"type": "function", "function": {"name": choice}}
    elif not isinstance(choice, str | dict):
        raise ChatMaritacaConfigurationError(
            f"tool_choice must be a tool's name, 'auto', 'any', 'none', a bool or a dict, not {choice!r}"
        )
    if isinstance(choice, dict) and not _name_of(choice) and choice.get("type") not in _FLAGS:
        raise ChatMaritacaConfigurationError(
            "a tool_choice that is a dict must be {'type': 'function', 'function': {'name': ...}}, "
            f"not {choice!r:.200}; everything else is said by a word: 'auto', 'any' or 'none'"
        )
    if tools is None:
        return choice
    _check_choice(choice, [name for tool in tools if (name := _name_of(tool))])
    return choice if tools else None


def check_names(tools: Sequence[Any]) -> None:
    """See to it that no two functions of a request have one name.

    Raises:
        ChatMaritacaConfigurationError: two have.
    """
    names = [name for tool in tools if (name := _name_of(tool))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ChatMaritacaConfigurationError(
            f"two tools are called {', '.join(sorted(twice))}: nobody could tell their calls apart; rename one"
        )


def _check_choice(choice: Any, names: list[str]) -> None:
    wanted = (_name_of(choice) or choice["type"]) if isinstance(choice, dict) else None
    if wanted is not None and wanted not in names:
        bound = f"bound are: {', '.join(names)}" if names else "no function is bound"
        built_in = " Tools that run on the service cannot be chosen: it uses them as it sees fit."
        raise ChatMaritacaConfigurationError(
            f"tool_choice names {wanted!r}, which is not a bound function; {bound}."
            + (built_in if wanted in _FLAGS else "")
        )
    if choice == "required" and not names:
        raise ChatMaritacaConfigurationError(
            "tool_choice demands a call, but no function is bound: bind one, or leave tool_choice out"
        )


def _name_of(tool: Any) -> str | None:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    return name if isinstance(name, str) else None


def _flag(tool: Any) -> str | None:
    """The flag for a built-in tool, None for a function."""
    if not isinstance(tool, dict) or "function" in tool or not isinstance(tool.get("type"), str):
        return None
    kind = tool["type"]
    if kind in _FUNCTIONS or "input_schema" in tool:
        return None
    # OpenAI dates its preview: web_search_preview_2025_03_11.
    flag = _FLAGS["web_search"] if kind.startswith("web_search_preview") else _FLAGS.get(kind)
    if flag is None:
        raise ChatMaritacaConfigurationError(
            f"Maritaca has no built-in tool of type {kind!r}: it has web_search, code_interpreter and data_ocean"
        )
    if options := tool.keys() - {"type"}:
        raise ChatMaritacaConfigurationError(
            f"Maritaca's {kind} takes no options: leave out {', '.join(sorted(options))}"
        )
    return flag


def _function(tool: Any, *, strict: bool | None) -> Wire:
    try:
        wire = _converted(without_typed_dict(tool), strict=strict)
    except Exception as error:
        raise unconvertible("tool", tool, error) from error
    function = wire["function"]
    if not function.get("name"):
        raise ChatMaritacaConfigurationError(f"a tool needs a name: {tool!r:.200}")
    if parameters := recursive_parameters(tool, strict=strict):
        function["parameters"] = parameters
    return wire


def _converted(tool: Any, *, strict: bool | None) -> Wire:
    if isinstance(tool, dict) and tool.get("type") == "function":
        # The Responses API has the function's fields beside its type.
        inner = tool["function"] if "function" in tool else {k: v for k, v in tool.items() if k != "type"}
        if strict is not None:
            inner = convert_to_openai_function({"parameters": {}, **inner}, strict=strict)
        return tool if inner is tool.get("function") else {"type": "function", "function": inner}
    wire = convert_to_openai_tool(tool, strict=strict)
    if "function" not in wire:
        raise ValueError("Maritaca's functions take JSON arguments, not free text")
    return wire
