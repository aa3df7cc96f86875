"""Answers of chat completions (contract sections 6 and 7)."""

import json
import math
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar, overload

from pydantic import Field, TypeAdapter

from ._base import (
    FlatText,
    IntOrNull,
    JsonText,
    ListOrNull,
    Model,
    NullMeansDefault,
    OpenEnum,
    Result,
    StrOrNull,
    Subscriptable,
    WholeSeconds,
)
from .answer_files import ExtractedFile, GeneratedFile

T = TypeVar("T")

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"] | str
"""Why the model stopped. Only `stop` is documented; unknown values are kept as they are."""


class PromptTokensDetails(Model):
    """What part of the prompt was cheaper."""

    cached_tokens: int | None = None
    """Prompt tokens read from the cache, a subset of the prompt; None when not reported."""


class CompletionTokensDetails(Model):
    """What part of the completion was not shown."""

    reasoning_tokens: int | None = None
    """Tokens spent thinking; None when not reported."""


class ExtractionDetails(Subscriptable):
    """Pages read out of PDF files, billed per page. Reads like a dictionary, too."""

    medium_effort_pages_extracted: IntOrNull = 0
    """Pages at medium effort."""
    advanced_effort_pages_extracted: IntOrNull = 0
    """Pages at advanced effort."""


class ToolExecutionDetails(Subscriptable):
    """What the built-in tools did; only present when one ran. Reads like a dictionary, too."""

    web_search_calls: IntOrNull = 0
    """Web searches."""
    page_reads: IntOrNull = 0
    """Web pages read."""
    data_ocean_gb_processed: float | None = None
    """Gigabytes that Data Ocean processed."""
    code_execution_minutes: float | None = None
    """Minutes of code execution."""


class Usage(Model):
    """Tokens and other units the call is billed for."""

    prompt_tokens: IntOrNull = 0
    """Tokens of the request, cached ones included."""
    completion_tokens: IntOrNull = 0
    """Tokens of the answer, reasoning included."""
    total_tokens: IntOrNull = 0
    """Sum of both."""
    prompt_tokens_details: PromptTokensDetails | None = None
    """Cached tokens, where reported."""
    completion_tokens_details: CompletionTokensDetails | None = None
    """Reasoning tokens, where reported."""
    extraction_details: ExtractionDetails | None = None
    """PDF pages, where some were read."""
    tool_execution_details: ToolExecutionDetails | None = None
    """Built-in tools, where one ran."""


class Function(Model):
    """The function a tool call names, with its arguments as the model wrote them."""

    name: StrOrNull = ""
    """Name of the function."""
    arguments: JsonText = ""
    """JSON text written by the model: it may be invalid or break your schema."""

    @overload
    def parsed_arguments(self) -> dict[str, Any]: ...
    @overload
    def parsed_arguments(self, kind: type[T]) -> T: ...

    def parsed_arguments(self, kind: type[Any] | None = None) -> Any:
        """The arguments as a dictionary, or read into a type; empty text means no arguments.

        Args:
            kind: A pydantic model, dataclass or TypedDict. Default: a dictionary.

        Raises:
            ValueError: the text is not JSON, not an object, or does not fit the type.
        """
        try:
            parsed = _strict_json(self.arguments) if self.arguments.strip() else {}
        except RecursionError:
            raise ValueError("tool arguments are nested too deeply") from None
        if not isinstance(parsed, dict):
            raise ValueError(f"tool arguments must be a JSON object, not {self.arguments[:80]!r}")  # noqa: TRY004 - bad data, not a bad call
        return parsed if kind is None else TypeAdapter(kind).validate_json(self.arguments.strip() or "{}")


def _strict_json(text: str) -> Any:
    """JSON as its standard has it: Python's parser alone takes NaN, overflows and keys that stand twice."""
    return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_object)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


class ToolCall(Model):
    """A request of the model to call one of your functions."""

    id: StrOrNull = ""
    """Opaque id, to be repeated in the tool message that answers it."""
    type: StrOrNull = "function"
    """Always `function` today."""
    function: Function
    """Name and arguments."""


class InvalidToolCall(Model):
    """A streamed tool call that must not be executed: cut off, or its arguments are no JSON object."""

    id: StrOrNull = ""
    """Opaque id, as far as it arrived."""
    function: Function
    """Name and raw arguments, as far as they arrived."""
    error: str = ""
    """What is wrong with it."""


class Message(Model):
    """The assistant's message."""

    role: StrOrNull = "assistant"
    """Always `assistant` in answers."""
    content: FlatText | None = None
    """Text of the answer; None with tool calls."""
    tool_calls: list[ToolCall] | None = None
    """Functions the model wants called; None or empty when there are none."""
    invalid_tool_calls: list[InvalidToolCall] | None = None
    """Set by this library on messages put together from a stream: calls that must not be executed."""
    reasoning_content: str | None = None
    """Reasoning text of thinking models, where the service sends it (undocumented)."""

    @property
    def text(self) -> str:
        """The content, with "" for none."""
        return self.content or ""

    @property
    def refusal(self) -> str | None:
        """Why the model refuses to answer, where the service says so (undocumented); else None."""
        return (self.model_extra or {}).get("refusal")

    @cached_property
    def parsed(self) -> Any:
        """The answer as `chat.completions.parse` read it; None elsewhere. `ParsedCompletion.parsed` has its type."""
        return None

    def to_param(self) -> dict[str, Any]:
        """This message as a request takes it back: what the wire brought, without its nulls."""
        wire = self.model_dump(
            mode="json", exclude_unset=True, exclude={"invalid_tool_calls", "reasoning_content"}
        )
        param = {key: value for key, value in wire.items() if value is not None}
        return {"role": self.role, "content": self.content, **param}


class Choice(Model):
    """One of the `n` answers."""

    index: IntOrNull = 0
    """Position among the `n` answers."""
    message: Message
    """The answer."""
    finish_reason: OpenEnum[FinishReason] | None = None
    """Why the model stopped."""
    logprobs: Any = None
    """Undocumented; null in the samples."""


class ChatCompletion(Result):
    """The answer to a chat completion request."""

    id: StrOrNull = ""
    """Opaque id."""
    object: StrOrNull = "chat.completion"
    """`chat.completion`, or `chat_completion` in some samples; do not dispatch on it."""
    created: WholeSeconds | None = None
    """Unix seconds."""
    model: StrOrNull = ""
    """The model that answered: the name asked for, or what an alias resolved to."""
    choices: ListOrNull[Choice] = []
    """The answers, `n` of them."""
    usage: Usage | None = None
    """What is billed; None when not reported."""
    system_fingerprint: str | None = None
    """Marks the configuration of the service."""
    service_tier: str | None = None
    """`flex` when the flex tier served the call."""
    extracted_files: list[ExtractedFile] | None = None
    """Texts of the files sent."""
    generated_files: list[GeneratedFile] | None = None
    """Files made by code execution."""

    @property
    def text(self) -> str:
        """Text of the first answer, with "" for none."""
        return self.choices[0].message.text if self.choices else ""


class FunctionDelta(Model):
    """A piece of a tool call's function."""

    name: str | None = None
    """Name; normally only in the first piece."""
    arguments: JsonText | None = None
    """Piece of the arguments' JSON text."""


class ToolCallDelta(Model):
    """A piece of a tool call."""

    index: int | None = None
    """Which call the piece belongs to; some servers leave it out."""
    id: str | None = None
    """Id; normally only in the first piece."""
    type: str | None = None
    """`function`, normally only in the first piece."""
    function: FunctionDelta | None = None
    """Pieces of name and arguments."""


class Delta(Model):
    """What a chunk adds to one answer."""

    role: str | None = None
    """`assistant`, normally only in the first chunk."""
    content: FlatText | None = None
    """Piece of text."""
    tool_calls: list[ToolCallDelta] | None = None
    """Pieces of tool calls."""
    reasoning_content: str | None = None
    """Piece of reasoning text, where the service sends it (undocumented)."""

    @property
    def refusal(self) -> str | None:
        """Piece of why the model refuses to answer, where the service says so (undocumented); else None."""
        refusal = (self.model_extra or {}).get("refusal")
        return refusal if isinstance(refusal, str) else None


DeltaOrNull = Annotated[Delta, NullMeansDefault()]
"""A delta; null is read as an empty one."""


class ChunkChoice(Model):
    """One answer's part of a chunk."""

    index: IntOrNull = 0
    """Position among the `n` answers."""
    delta: DeltaOrNull = Field(default_factory=Delta)
    """What is new."""
    finish_reason: OpenEnum[FinishReason] | None = None
    """Set on the last chunk of an answer."""


class ChatCompletionChunk(Model):
    """One event of a streamed chat completion."""

    id: StrOrNull = ""
    """Id of the completion, equal in all chunks."""
    object: StrOrNull = "chat.completion.chunk"
    """Always `chat.completion.chunk`."""
    created: WholeSeconds | None = None
    """Unix seconds."""
    model: StrOrNull = ""
    """The model that answers."""
    choices: ListOrNull[ChunkChoice] = []
    """What is new, by answer; empty on the usage chunk."""
    usage: Usage | None = None
    """What is billed, on one of the last chunks when asked for with `stream_options`."""
    system_fingerprint: str | None = None
    """Marks the configuration of the service."""
    service_tier: str | None = None
    """`flex` when the flex tier serves the call."""
    extracted_files: list[ExtractedFile] | None = None
    """Texts of the files sent; on one of the last chunks."""
    generated_files: list[GeneratedFile] | None = None
    """Files made by code execution; on one of the last chunks."""
