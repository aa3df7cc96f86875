"""`with_structured_output`: a model whose answers are objects."""

from __future__ import annotations

import json
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json import parse_json_markdown
from langchain_core.utils.pydantic import is_basemodel_subclass

from ._payload import wire_response_format, wire_tools

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.output_parsers import BaseOutputParser
    from pydantic import BaseModel

Method = Literal["json_schema", "function_calling", "json_mode"]

_CUT_OFF: Final = {
    "length": "the answer reached its token limit before it was complete; raise max_tokens",
    "content_filter": "the service cut the answer off (content_filter)",
}


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
        ValueError: arguments that do not go together.
    """
    if method not in _BINDERS:
        raise ValueError(f"method must be one of {', '.join(_BINDERS)}, not {method!r}")
    if schema is None and method != "json_mode":
        raise ValueError(f"method {method!r} needs a schema")
    if strict is not None and method == "json_mode":
        raise ValueError("strict needs a schema to follow: method 'json_mode' has none")
    wanted, parser = _BINDERS[method](schema, strict=strict)
    if tools := kwargs.pop("tools", None):
        functions, flags = wire_tools(tools, strict=strict)
        wanted = {**wanted, **flags, "tools": [*functions, *wanted.get("tools", ())]}
    described = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    llm = model.bind(**wanted, **kwargs, ls_structured_output_format=described)
    if not include_raw:
        return llm | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=llm) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _is_class(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _bind_json_schema(schema: Any, *, strict: bool | None) -> tuple[dict[str, Any], BaseOutputParser[Any]]:
    return {"response_format": wire_response_format(schema, strict=strict)}, _json_parser(schema)


def _bind_json_mode(
    schema: Any,
    *,
    strict: bool | None,  # noqa: ARG001 - one signature for all three
) -> tuple[dict[str, Any], BaseOutputParser[Any]]:
    return {"response_format": {"type": "json_object"}}, _json_parser(schema)


def _bind_function(schema: Any, *, strict: bool | None) -> tuple[dict[str, Any], BaseOutputParser[Any]]:
    function = convert_to_openai_tool(schema, strict=strict)
    name = function["function"]["name"]
    bound = {
        "tools": [function],
        "tool_choice": {"type": "function", "function": {"name": name}},
        "parallel_tool_calls": False,
    }
    if _is_class(schema):
        return bound, _PydanticToolParser(tools=[schema], first_tool_only=True)
    return bound, _JsonToolParser(key_name=name, first_tool_only=True)


_BINDERS: Final = {
    "json_schema": _bind_json_schema,
    "function_calling": _bind_function,
    "json_mode": _bind_json_mode,
}


def _json_parser(schema: Any) -> BaseOutputParser[Any]:
    return _PydanticParser(pydantic_object=schema) if _is_class(schema) else _JsonParser()


# Parsers that never pass off half an answer, or none, as the answer


def _has_ended(result: list[Generation], *, partial: bool) -> bool:
    """Whether the answer is whole: of a stream, only the last piece knows its finish reason.

    Raises:
        OutputParserException: it was cut off.
    """
    generation = result[0]
    metadata = generation.message.response_metadata if isinstance(generation, ChatGeneration) else {}
    reason = metadata.get("finish_reason")
    if reason in _CUT_OFF:
        raise OutputParserException(_CUT_OFF[reason], llm_output=generation.text)
    return not partial or reason is not None


def _refuse_broken_json(text: str) -> None:
    # LangChain's own parsers would repair it.
    try:
        parse_json_markdown(text, parser=partial(json.loads, strict=False))
    except ValueError as error:
        raise OutputParserException(f"the answer is not JSON: {text!r:.500}", llm_output=text) from error


def _refuse_nothing(parsed: Any, text: str) -> None:
    if parsed is None:
        raise OutputParserException(
            f"the answer holds no valid call of the function: {text!r:.500}", llm_output=text
        )


class _JsonParser(JsonOutputParser):
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if _has_ended(result, partial=partial):
            _refuse_broken_json(result[0].text)
        return super().parse_result(result, partial=partial)


class _PydanticParser(PydanticOutputParser[Any]):
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if _has_ended(result, partial=partial):
            _refuse_broken_json(result[0].text)
            partial = False
        return super().parse_result(result, partial=partial)


class _JsonToolParser(JsonOutputKeyToolsParser):
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        ended = _has_ended(result, partial=partial)
        parsed = super().parse_result(result, partial=partial)
        if ended:
            _refuse_nothing(parsed, result[0].text)
        return parsed


class _PydanticToolParser(PydanticToolsParser):
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        ended = _has_ended(result, partial=partial)
        parsed = super().parse_result(result, partial=partial and not ended)
        if ended:
            _refuse_nothing(parsed, result[0].text)
        return parsed
