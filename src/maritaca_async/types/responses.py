"""Answers of the Responses API (contract section 9)."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, PrivateAttr, Tag, model_serializer

from ._base import (
    IntOrNull,
    JsonText,
    ListOrNull,
    Model,
    OpenEnum,
    Result,
    StrOrNull,
    WholeSeconds,
    content_of,
)
from .answer_files import GeneratedFile
from .chat import CompletionTokensDetails, Function, PromptTokensDetails, ToolExecutionDetails, Usage
from .tool_calls import tool_call_problem

T = TypeVar("T")
ResponseStatus = Literal["completed", "failed", "in_progress", "incomplete"] | str
"""How far a response is. `incomplete` is not documented; unknown values are kept as they are."""

_UNFINISHED = frozenset({"in_progress", "queued", "incomplete", "failed", "cancelled"})
# What betrays the kind of an item or part whose `type` is missing.
_TELLTALES = {
    "content": "message",
    "arguments": "function_call",
    "content_base64": "code_execution_artifact",
    "text": "output_text",
}


class UnknownObject(Model):
    """An object of a kind that this library does not know, kept as it came and written back the same way."""

    type: Literal["unknown"] = "unknown"
    """Always `unknown`: what the server wrote is in `data["type"]`."""
    data: dict[str, Any] = {}
    """The object as received."""

    @model_serializer
    def _as_received(self) -> dict[str, Any]:
        return self.data


def _keep_raw(value: Any) -> Any:
    return {"data": value} if isinstance(value, dict) else value


def _kind_among(*known: str) -> Discriminator:
    def kind(value: Any) -> str:
        if not isinstance(value, dict):
            return str(getattr(value, "type", "unknown"))
        named = value.get("type")
        if named is None:
            named = next((kind for field, kind in _TELLTALES.items() if value.get(field) is not None), "")
        return named if isinstance(named, str) and named in known else "unknown"

    return Discriminator(kind)


def _named(kind: str) -> BeforeValidator:
    return BeforeValidator(lambda value: kind if value is None else value)


def _as_parts(value: Any) -> Any:
    return [{"type": "output_text", "text": value}] if isinstance(value, str) else value


_NullMeansEmpty = BeforeValidator(lambda value: [] if value is None else value)
_TextMeansMessage = BeforeValidator(lambda value: {"message": value} if isinstance(value, str) else value)


_Unknown = Annotated[UnknownObject, BeforeValidator(_keep_raw), Tag("unknown")]
"""An object of a kind that this library does not know, kept as it came."""


class OutputText(Model):
    """A piece of text in a message."""

    type: Annotated[Literal["output_text"], _named("output_text")] = "output_text"
    """`output_text`."""
    text: StrOrNull = ""
    """The text."""
    annotations: ListOrNull[Any] = []
    """Undocumented; empty in the samples."""


ResponseContentPart = Annotated[
    Annotated[OutputText, Tag("output_text")] | _Unknown, _kind_among("output_text")
]
"""A part of a message; tell them apart by `type`. Kinds that are not known come as `UnknownObject`."""


class ResponseMessage(Model):
    """What the model says."""

    id: StrOrNull = ""
    """Opaque id, `msg-...` in the samples; "" where the service leaves it out."""
    type: Annotated[Literal["message"], _named("message")] = "message"
    """`message`."""
    role: StrOrNull = "assistant"
    """Always `assistant`."""
    status: OpenEnum[ResponseStatus] | None = None
    """`completed` or `in_progress`; None where the service leaves it out."""
    content: Annotated[list[ResponseContentPart], _NullMeansEmpty, BeforeValidator(_as_parts)] = []
    """Its parts; one of text where the service sends a bare text."""

    @property
    def text(self) -> str:
        """The text of all `output_text` parts, one after the other."""
        return "".join(part.text for part in self.content if part.type == "output_text")


class ResponseFunctionCall(Model):
    """A request of the model to call one of your functions."""

    id: StrOrNull = ""
    """Id of the item, `fc-...` in the samples."""
    type: Annotated[Literal["function_call"], _named("function_call")] = "function_call"
    """`function_call`."""
    call_id: StrOrNull = ""
    """Opaque id, to be repeated in the `function_call_output` that answers it."""
    name: StrOrNull = ""
    """Name of the function."""
    arguments: JsonText = ""
    """JSON text written by the model: it may be invalid or break your schema."""
    status: OpenEnum[ResponseStatus] | None = None
    """`completed`; None where the service leaves it out."""

    def parsed_arguments(self) -> dict[str, Any]:
        """The arguments as a dictionary; empty text means no arguments.

        Raises:
            ValueError: the text is not JSON, or not an object.
        """
        return Function(name=self.name, arguments=self.arguments).parsed_arguments()


class InvalidFunctionCall(Model):
    """A call that must not be executed: cut off, without a name, or with arguments that are no JSON object."""

    call_id: str = ""
    """Opaque id, as far as it arrived."""
    name: str = ""
    """Name of the function, as far as it arrived."""
    arguments: str = ""
    """The raw text, as far as it arrived."""
    error: str = ""
    """What is wrong with it."""


class CodeExecutionArtifact(GeneratedFile):
    """A file made by code execution (contract section 13): see `content` and `save`."""

    id: StrOrNull = ""
    """Id of the item, `cea_...` in the samples."""
    type: Annotated[Literal["code_execution_artifact"], _named("code_execution_artifact")] = (
        "code_execution_artifact"
    )
    """`code_execution_artifact`."""
    status: OpenEnum[ResponseStatus] | None = None
    """`completed` in the samples."""


ResponseOutputItem = Annotated[
    Annotated[ResponseMessage, Tag("message")]
    | Annotated[ResponseFunctionCall, Tag("function_call")]
    | Annotated[CodeExecutionArtifact, Tag("code_execution_artifact")]
    | _Unknown,
    _kind_among("message", "function_call", "code_execution_artifact"),
]
"""An item of the output; tell them apart by `type`. Kinds that are not known come as `UnknownObject`."""


class ResponseError(Model):
    """Why a response failed."""

    code: StrOrNull = ""
    """`server_error`, `internal_error` or another code."""
    message: StrOrNull = ""
    """What happened, in words."""


class IncompleteDetails(Model):
    """Why a response ended early."""

    reason: str | None = None
    """`max_output_tokens` or another reason."""


class ResponseUsage(Model):
    """Tokens and other units the call is billed for."""

    input_tokens: IntOrNull = 0
    """Tokens of the request, cached ones included."""
    output_tokens: IntOrNull = 0
    """Tokens of the answer, reasoning included."""
    total_tokens: IntOrNull = 0
    """Sum of both."""
    input_tokens_details: PromptTokensDetails | None = None
    """Cached tokens, where reported."""
    output_tokens_details: CompletionTokensDetails | None = None
    """Reasoning tokens, where reported."""
    tool_execution_details: ToolExecutionDetails | None = None
    """Built-in tools, where one ran."""

    def to_chat_usage(self) -> Usage:
        """The same under the names of chat completions, which `usage_cost` takes."""
        return Usage(
            prompt_tokens=self.input_tokens,
            completion_tokens=self.output_tokens,
            total_tokens=self.total_tokens,
            prompt_tokens_details=self.input_tokens_details,
            completion_tokens_details=self.output_tokens_details,
            tool_execution_details=self.tool_execution_details,
        )


class Response(Result):
    """The answer to a request of the Responses API."""

    id: StrOrNull = ""
    """Opaque id, `resp-...` in the samples."""
    object: StrOrNull = "response"
    """`response`; do not dispatch on it."""
    created_at: WholeSeconds | None = None
    """Unix seconds."""
    status: OpenEnum[ResponseStatus] | None = None
    """How far it is. A response may fail although the HTTP status is 200: then `error` says why."""
    model: StrOrNull = ""
    """The model that answered: the name asked for, or what an alias resolved to."""
    output: Annotated[list[ResponseOutputItem], _NullMeansEmpty] = []
    """What the model made, in order. Files may come before the message: use `output_text`."""
    usage: ResponseUsage | None = None
    """What is billed; None when not reported."""
    error: Annotated[ResponseError | None, _TextMeansMessage] = None
    """Why it failed; None otherwise."""
    incomplete_details: IncompleteDetails | None = None
    """Why it ended early; None otherwise."""
    instructions: str | None = None
    """Echo of the request."""
    temperature: float | None = None
    """Echo of the request."""
    top_p: float | None = None
    """Echo of the request."""
    max_output_tokens: int | None = None
    """Echo of the request."""
    metadata: dict[str, Any] | None = None
    """Echo of the request."""
    tools: list[dict[str, Any]] | None = None
    """Echo of the request."""
    tool_choice: Any = None
    """Echo of the request: a string or an object."""
    parallel_tool_calls: bool | None = None
    """Echo of the request."""
    store: bool | None = None
    """Echo of the request."""
    service_tier: str | None = None
    """`flex` when the flex tier served the call (unconfirmed for this API)."""

    @property
    def output_text(self) -> str:
        """The text of all messages, "" for none. Other kinds of items are skipped."""
        return "".join(item.text for item in self.output if item.type == "message")

    @property
    def function_calls(self) -> list[ResponseFunctionCall]:
        """The calls that may be executed: complete, and with arguments that are a JSON object."""
        return [item for item in self._calls() if not self._problem_of(item)]

    @property
    def invalid_function_calls(self) -> list[InvalidFunctionCall]:
        """The calls that must not be executed, each with what is wrong with it."""
        found = [(item, self._problem_of(item)) for item in self._calls()]
        return [
            InvalidFunctionCall(call_id=item.call_id, name=item.name, arguments=item.arguments, error=problem)
            for item, problem in found
            if problem
        ]

    @property
    def artifacts(self) -> list[CodeExecutionArtifact]:
        """The files that code execution made."""
        return [item for item in self.output if item.type == "code_execution_artifact"]

    @property
    def incomplete_reason(self) -> str:
        """Why the answer ended early, such as `max_output_tokens`; "" when it did not."""
        if self.incomplete_details is not None:
            return self.incomplete_details.reason or "incomplete"
        return "incomplete" if self.status == "incomplete" else ""

    def to_input(self) -> list[dict[str, Any]]:
        """The messages and function calls as the `input` of the next request takes them back.

        Only documented fields: kinds of items that the service does not take back are left out.
        """
        return [
            as_input(item) for item in self.output if isinstance(item, ResponseMessage | ResponseFunctionCall)
        ]

    def _calls(self) -> list[ResponseFunctionCall]:
        return [item for item in self.output if item.type == "function_call"]

    def _problem_of(self, call: ResponseFunctionCall) -> str:
        if reason := self.incomplete_reason:
            return f"the answer was cut off ({reason})"
        for owner, status in (("response", self.status), ("call", call.status)):
            if status in _UNFINISHED:
                return f"the {owner} is not complete ({status})"
        return tool_call_problem(Function(name=call.name, arguments=call.arguments), None)


def as_input(item: ResponseMessage | ResponseFunctionCall) -> dict[str, Any]:
    """An item of an answer as an item of the next request, with its documented fields only."""
    if isinstance(item, ResponseMessage):
        return {"role": item.role, "content": item.text}
    return {
        "type": "function_call",
        "call_id": item.call_id,
        "name": item.name,
        "arguments": item.arguments,
    }


class ParsedResponse(Response, Generic[T]):
    """A response whose text was read into a type; see `responses.parse`."""

    _parsed: T = PrivateAttr()
    """Not a field: it is no part of what came over the wire."""

    @property
    def output_parsed(self) -> T:
        """The answer."""
        return self._parsed


def with_output_parsed(response: Response, parsed: T) -> ParsedResponse[T]:
    """The same response, with what was read out of it.

    Args:
        response: The response; its parts are shared, not copied.
        parsed: What its text says.
    """
    made: ParsedResponse[T] = ParsedResponse.model_construct(
        response.model_fields_set, **content_of(response)
    )
    made._parsed = parsed  # noqa: SLF001 - of this module
    if "http" in vars(response):
        made.http = response.http
    return made
