"""From answers to objects; half an answer, or none, is never passed off as the object."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableGenerator
from langchain_core.utils.json import parse_json_markdown
from pydantic import BaseModel, ConfigDict

from ._answer_checks import problems

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_CUT_OFF: Final = {
    "length": "the answer reached its token limit before it was complete; raise max_tokens",
    "content_filter": "the service cut the answer off (content_filter)",
}
_FENCE: Final = re.compile(r"```\w*\s*")


class AnswerParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads the object out of an answer, and checks it once the answer has ended.

    A stream gives what there is of the object so far: any part of a dictionary, but of a class only objects
    that are valid already. Its last object is the checked one.
    """

    # Built at first use: most programs parse nothing.
    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True)

    model: Any = None
    """The pydantic class of the object; None for a dictionary."""
    json_schema: dict[str, Any] | None = None
    """What a dictionary must keep to; None: any JSON object will do."""
    function: str | None = None
    """The function whose arguments are the object; None: the object is the text."""

    @property
    def OutputType(self) -> Any:  # noqa: N802 - LangChain's name
        """The class of the object."""
        return self.model or dict[str, Any]

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object in an answer.

        Args:
            result: The answer.
            partial: Whether it may be a part of one, as in a stream; its finish reason tells when it is whole.

        Raises:
            OutputParserException: the answer is whole, and it was cut off, refused, empty, or is not such an
                object; `llm_output` is what there is of it.
        """
        answer = result[0]
        if partial and not _has_ended(answer):
            return self.so_far(answer)
        said = _said(answer, self.function)
        if reason := _refusal(answer):
            raise OutputParserException(reason, llm_output=said)
        found = _read_json(said) if self.function is None else _arguments(answer, self.function, said)
        return self._checked(found, said)

    def parse(self, text: str) -> Any:
        """The object in a text.

        Raises:
            OutputParserException: there is none.
        """
        return self.parse_result([Generation(text=text)])

    def so_far(self, answer: Generation) -> Any:
        """What there is of the object in a part of an answer, None if nothing yet."""
        try:
            if self.function is None:
                found = parse_json_markdown(answer.text)
            else:
                found = next(_calls(answer, self.function), None)
            return found if self.model is None else self._object(found)
        except Exception:  # noqa: BLE001  a class may choke in any way on half an object
            return None

    def _checked(self, found: Any, said: str) -> Any:
        try:
            return self._object(found)
        except ValueError as error:
            name = self.model.__name__ if self.model else "the schema"
            raise OutputParserException(
                f"the answer does not fit {name}: {error}: {said!r:.500}", llm_output=said
            ) from error

    def _object(self, found: Any) -> Any:
        if self.model is not None:
            is_new = issubclass(self.model, BaseModel)
            return self.model.model_validate(found) if is_new else self.model.parse_obj(found)
        wants_object = self.json_schema is None or "properties" in self.json_schema
        if found is None or (wants_object and not isinstance(found, dict)):
            raise ValueError("it is not a JSON object")
        if wrong := problems(found, self.json_schema or {}):
            raise ValueError("; ".join(wrong))
        return found

    @property
    def _type(self) -> str:
        return "maritaca_answer"


class RawAnswer(dict[str, Any]):
    """A message under `raw`, its object under `parsed`, and under `parsing_error` why there is none.

    Pieces of a stream add up: messages are joined, and of everything else the latest counts.
    """

    def __add__(self, piece: RawAnswer) -> RawAnswer:
        """This piece and a later one."""
        whole = RawAnswer({**self, **piece})
        if "raw" in self and "raw" in piece:
            whole["raw"] = self["raw"] + piece["raw"]
        return whole


def raw_beside_parsed(parser: AnswerParser) -> Runnable[AIMessage, RawAnswer]:
    """A parser that gives the message, too, and does not raise: it says under `parsing_error` what is wrong."""

    def read(messages: Iterator[AIMessage]) -> Iterator[RawAnswer]:
        reading = _Reading(parser)
        for message in messages:
            yield reading.add(message)
        yield reading.close()

    async def aread(messages: AsyncIterator[AIMessage]) -> AsyncIterator[RawAnswer]:
        reading = _Reading(parser)
        async for message in messages:
            yield reading.add(message)
        yield reading.close()

    return RunnableGenerator(read, aread, name="RawAnswerParser")


class _Reading:
    """What was read of one answer."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._whole: Any = None
        self._parsed: Any = None

    def add(self, message: AIMessage) -> RawAnswer:
        """A further piece, with what there is of the object where that has grown."""
        self._whole = message if self._whole is None else self._whole + message
        answer = ChatGeneration(message=self._whole)
        if _has_ended(answer) or (parsed := self._parser.so_far(answer)) in (None, self._parsed):
            return RawAnswer(raw=message)
        self._parsed = parsed
        return RawAnswer(raw=message, parsed=parsed)

    def close(self) -> RawAnswer:
        """What became of the object in the end."""
        answer = ChatGeneration(message=self._whole or AIMessage(""))
        try:
            return RawAnswer(parsed=self._parser.parse_result([answer]), parsing_error=None)
        except Exception as error:  # noqa: BLE001  a class may refuse an answer with any exception
            return RawAnswer(parsed=None, parsing_error=error)


def _has_ended(answer: Generation) -> bool:
    # Of a stream, only the last piece knows its finish reason.
    message = _message(answer)
    last = isinstance(message, AIMessageChunk) and message.chunk_position == "last"
    return last or (message is not None and message.response_metadata.get("finish_reason") is not None)


def _message(answer: Generation) -> AIMessage | None:
    message = answer.message if isinstance(answer, ChatGeneration) else None
    return message if isinstance(message, AIMessage) else None


def _refusal(answer: Generation) -> str | None:
    """Why an answer cannot hold the object, None if it may."""
    message = _message(answer)
    if message is None:
        return None
    if reason := _CUT_OFF.get(message.response_metadata.get("finish_reason") or ""):
        return reason
    refusal = message.additional_kwargs.get("refusal")
    return f"the model refused to answer: {refusal!r:.500}" if refusal else None


def _said(answer: Generation, function: str | None) -> str:
    """What the model wrote of the object: text, or the arguments of calls."""
    message = _message(answer)
    refusal = message.additional_kwargs.get("refusal") if message else None
    if message is None or function is None:
        return answer.text or refusal or ""
    calls = [json.dumps(call["args"], ensure_ascii=False) for call in message.tool_calls]
    calls += [call["args"] or "" for call in message.invalid_tool_calls]
    return "\n".join(filter(None, calls)) or answer.text or refusal or ""


def _read_json(text: str) -> Any:
    """The JSON of a text, which may stand in a Markdown fence; unlike LangChain's reader, it repairs nothing."""
    if not text.strip():
        raise OutputParserException("the answer is empty", llm_output=text)
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError) as error:
        opening = _FENCE.search(text)
        if opening is not None:
            return _read_fenced(text, opening.end())
        raise OutputParserException(f"the answer is not JSON: {text!r:.500}", llm_output=text) from error


def _read_fenced(text: str, start: int) -> Any:
    try:
        return _DECODER.raw_decode(text, start)[0]
    except (ValueError, RecursionError) as error:
        raise OutputParserException(f"the answer is not JSON: {text!r:.500}", llm_output=text) from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Not strict: models write line breaks into strings.
_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=_refuse_constant)


def _calls(answer: Generation, function: str) -> Any:
    message = _message(answer)
    return (call["args"] for call in (message.tool_calls if message else ()) if call["name"] == function)


def _arguments(answer: Generation, function: str, said: str) -> Any:
    for arguments in _calls(answer, function):
        return arguments
    raise OutputParserException(
        f"the answer holds no valid call of the function {function!r}: {said!r:.500}", llm_output=said
    )
