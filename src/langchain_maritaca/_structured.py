"""`with_structured_output`: a model whose answers are objects."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from ._answer_checks import is_checked
from ._errors import ChatMaritacaConfigurationError
from ._formats import described, wire_format
from ._parsers import AnswerParser, raw_beside_parsed
from ._schemas import is_model, json_schema
from ._tools import wire_tool_choice, wire_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.runnables import Runnable
    from pydantic import BaseModel

    from ._formats import Described

Method = Literal["json_schema", "function_calling", "json_mode"]
"""How an object is asked for: see `ChatMaritaca.with_structured_output`."""

_JSON_MODE: Final[dict[str, Any]] = {"response_format": {"type": "json_object"}}


def structured_output(
    model: BaseChatModel,
    schema: dict[str, Any] | type | None,
    *,
    method: Method,
    include_raw: bool,
    strict: bool | None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
    """The model bound to a schema, and a parser behind it; see `ChatMaritaca.with_structured_output`.

    Raises:
        ChatMaritacaConfigurationError: arguments that do not go together, or no schema.
    """
    if method not in get_args(Method):
        names = ", ".join(get_args(Method))
        raise ChatMaritacaConfigurationError(f"method must be one of {names}, not {method!r}")
    if schema is None and method != "json_mode":
        raise ChatMaritacaConfigurationError(f"method {method!r} needs a schema")
    if strict is not None and method == "json_mode":
        raise ChatMaritacaConfigurationError("strict needs a schema to follow: method 'json_mode' has none")
    wanted = None if method == "json_mode" else described(schema, strict=strict)
    bound = _JSON_MODE if wanted is None else _BINDERS[method](schema, wanted)
    parser = AnswerParser(
        model=schema if is_model(schema) else None,
        json_schema=None if is_model(schema) or wanted is None else wanted.schema,
        function=bound["tools"][0]["function"]["name"] if method == "function_calling" else None,
    )
    # LangChain's traces know no data classes, and not every TypedDict.
    traced = schema if schema is None or isinstance(schema, dict) or is_model(schema) else json_schema(schema)
    format_for_traces = {"kwargs": {"method": method, "strict": strict}, "schema": traced}
    llm = model.bind(
        **_with_tools(bound, kwargs, strict=strict), ls_structured_output_format=format_for_traces
    )
    return llm | (raw_beside_parsed(parser) if include_raw else parser)


def _with_tools(bound: dict[str, Any], given: dict[str, Any], *, strict: bool | None) -> dict[str, Any]:
    """Everything to bind: what the method needs, the tools offered beside it, further parameters."""
    given = {name: value for name, value in given.items() if value is not None}
    functions, flags = wire_tools(given.pop("tools", ()), strict=strict)
    if twice := bound.keys() & given.keys():
        raise ChatMaritacaConfigurationError(
            f"the method sets {', '.join(sorted(twice))} itself: leave it out"
        )
    if "tool_choice" in given:
        given["tool_choice"] = wire_tool_choice(given["tool_choice"], functions)
    if functions:
        bound = {**bound, "tools": [*functions, *bound.get("tools", ())]}
    return {**flags, **given, **bound}


def _bind_json_schema(schema: Any, wanted: Described) -> dict[str, Any]:
    # A class checks everything itself.
    check = (lambda *_: True) if is_model(schema) else is_checked
    return {"response_format": wire_format(wanted, is_checked=check)}


def _bind_function(schema: Any, wanted: Described) -> dict[str, Any]:
    if isinstance(schema, dict) or dataclasses.is_dataclass(schema):
        schema = _as_function(wanted)
    functions, _ = wire_tools([schema], strict=wanted.extra.get("strict"))
    return {
        "tools": functions,
        "tool_choice": {"type": "function", "function": {"name": functions[0]["function"]["name"]}},
        "parallel_tool_calls": False,
    }


def _as_function(wanted: Described) -> dict[str, Any]:
    parameters = {key: value for key, value in wanted.schema.items() if key not in ("title", "description")}
    description = wanted.extra.get("description") or wanted.schema.get("description")
    function = {"name": wanted.name, "parameters": parameters}
    return {**function, "description": description} if description else function


_BINDERS: Final[dict[str, Callable[[Any, Described], dict[str, Any]]]] = {
    "json_schema": _bind_json_schema,
    "function_calling": _bind_function,
}
