"""Parameters of chat completions (contract section 5). A key that is absent is not sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

from .chat import Message
from .shared import ChatModel, RequestOptions

if TYPE_CHECKING:
    from .._core.inline import InlineFile


class TextPart(TypedDict):
    """A piece of text in a user message."""

    type: Literal["text"]
    """`text`."""
    text: str
    """The text."""


class ImageURL(TypedDict, total=False):
    """Where an image is."""

    url: Required[str | InlineFile]
    """An http(s) URL, or a PNG or JPEG data URI; `image_part` makes them."""
    detail: str
    """Undocumented; passed on."""


class ImagePart(TypedDict):
    """An image in a user message; the service reads its text (OCR)."""

    type: Literal["image_url"]
    """`image_url`."""
    image_url: ImageURL
    """Where the image is."""


class FileData(TypedDict):
    """A document by value."""

    filename: str
    """Name with extension: PDF, DOCX, TXT, CSV, XML, XLSX, MD, PNG or JPEG."""
    file_data: str | InlineFile
    """`data:<mime>;base64,<data>`; `file_part` makes it."""


class FilePart(TypedDict):
    """A document in a user message; all files of a request together stay under 50 MB."""

    type: Literal["file"]
    """`file`."""
    file: FileData
    """The document."""


ContentPart = TextPart | ImagePart | FilePart
"""A part of a user message."""


class SystemMessageParam(TypedDict, total=False):
    """Instructions; without one the service puts its own Portuguese system prompt in place."""

    role: Required[Literal["system"]]
    """`system`."""
    content: Required[str | Iterable[TextPart]]
    """The instructions."""
    name: str
    """Name of the participant."""


class UserMessageParam(TypedDict, total=False):
    """What the user says."""

    role: Required[Literal["user"]]
    """`user`."""
    content: Required[str | Iterable[ContentPart]]
    """Text, or a list of text, image and file parts."""
    name: str
    """Name of the participant."""


class FunctionParam(TypedDict):
    """The function of a tool call that is sent back."""

    name: str
    """Name of the function."""
    arguments: str
    """The model's JSON text, unchanged."""


class ToolCallParam(TypedDict):
    """A tool call that is sent back."""

    id: str
    """The id the model gave."""
    type: Literal["function"]
    """`function`."""
    function: FunctionParam
    """Name and arguments."""


class AssistantMessageParam(TypedDict, total=False):
    """What the model said before."""

    role: Required[Literal["assistant"]]
    """`assistant`."""
    content: str | Iterable[TextPart] | None
    """Its text; None beside tool calls."""
    tool_calls: Iterable[ToolCallParam]
    """The calls it asked for."""
    name: str
    """Name of the participant."""


class ToolMessageParam(TypedDict):
    """The result of a tool call."""

    role: Literal["tool"]
    """`tool`."""
    content: str | Iterable[TextPart]
    """The result, usually JSON text."""
    tool_call_id: str
    """The id of the call it answers."""


MessageParam = (
    SystemMessageParam
    | UserMessageParam
    | AssistantMessageParam
    | ToolMessageParam
    | Message
    | Mapping[str, Any]
)
"""A message of the request; the assistant's message of an answer may be given back as it is."""


class FunctionDefinition(TypedDict, total=False):
    """A function the model may ask you to call."""

    name: Required[str]
    """Name."""
    description: str
    """What it does and when to use it."""
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""
    strict: bool
    """Whether arguments must follow the schema exactly (undocumented for chat)."""


class ToolParam(TypedDict):
    """A tool the model may use."""

    type: Literal["function"]
    """`function`."""
    function: FunctionDefinition
    """The function."""


class NamedFunction(TypedDict):
    """The name of a function."""

    name: str
    """Name."""


class NamedToolChoice(TypedDict):
    """Forces one function."""

    type: Literal["function"]
    """`function`."""
    function: NamedFunction
    """Which one."""


class JsonSchema(TypedDict, total=False):
    """A schema that the answer's JSON follows (contract section 12 lists the supported keywords)."""

    name: Required[str]
    """Name of the schema."""
    schema: Required[Mapping[str, Any]]
    """JSON Schema."""
    strict: bool
    """Whether to follow it exactly."""
    description: str
    """What the answer is for."""


class JsonSchemaFormat(TypedDict):
    """The answer is JSON that follows a schema."""

    type: Literal["json_schema"]
    """`json_schema`."""
    json_schema: JsonSchema
    """The schema."""


class PlainFormat(TypedDict):
    """The answer is text, or any JSON; for JSON the prompt must ask for it as well."""

    type: Literal["text", "json_object"]
    """`text` or `json_object`."""


class StreamOptions(TypedDict, total=False):
    """What a stream carries besides the answer."""

    include_usage: bool
    """Whether one last chunk carries the usage. Default: False."""


class ParseParams(RequestOptions, total=False):
    """Parameters of `chat.completions.parse`."""

    model: Required[ChatModel]
    """Which model answers."""
    messages: Required[Iterable[MessageParam]]
    """The conversation so far, at least one message."""
    max_tokens: int | None
    """Most tokens of the answer, at most 32768. Thinking models spend them on reasoning too."""
    max_completion_tokens: int | None
    """The same by its newer name (unconfirmed for this service)."""
    temperature: float | None
    """0 to 2; the service's default is 0.7. Use 0 for tasks with one right answer."""
    top_p: float | None
    """Nucleus sampling above 0, up to 1; the service's default is 0.95."""
    n: int | None
    """Number of answers; the service's default is 1."""
    stop: str | Sequence[str] | None
    """Texts that end the answer. A single text is sent as a list of one."""
    frequency_penalty: float | None
    """-2 to 2; the service's default is 0."""
    presence_penalty: float | None
    """-2 to 2; the service's default is 0."""
    seed: int | None
    """For repeatable sampling (mentioned by the contract, not specified)."""
    stream_options: StreamOptions | None
    """Only for streams: `{"include_usage": True}` asks for the usage on a last chunk."""
    tools: Iterable[ToolParam | Mapping[str, Any]]
    """Functions the model may ask for."""
    tool_choice: Literal["none", "auto", "required"] | NamedToolChoice | Mapping[str, Any]
    """Whether and which function to ask for."""
    parallel_tool_calls: bool
    """Whether several calls may come in one answer (unconfirmed for chat)."""
    service_tier: Literal["flex"] | str | None
    """`flex`: half the price, may wait up to 300 seconds for capacity (contract section 15).

    See `RetryPolicy` for its waits and for going on at the standard tier.
    """
    extraction_effort: Literal["medium", "advanced"] | str | None
    """How thoroughly PDF files are read; the service's default is `medium`."""
    web_search: bool
    """Built-in web search; cannot stream (contract section 13)."""
    code_execution: bool
    """Built-in code execution; cannot stream."""
    data_ocean: bool
    """Built-in Brazilian public databases; turns the other two on; cannot stream."""


class CompletionParams(ParseParams, total=False):
    """Parameters of `chat.completions.create` and `.stream`."""

    response_format: JsonSchemaFormat | PlainFormat | Mapping[str, Any]
    """Text, JSON, or JSON that follows a schema (contract section 12); for a type there is `parse`."""
