"""Parameters of the Responses API (contract section 8). A key that is absent is not sent."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Required, TypedDict

from .chat_params import PlainFormat
from .responses import ResponseFunctionCall, ResponseMessage, UnknownObject
from .shared import ChatModel, RequestOptions


class InputTextPart(TypedDict):
    """A piece of text (unconfirmed: the contract documents no kinds of parts)."""

    type: Literal["input_text", "output_text"]
    """`input_text`; `output_text` in messages of the assistant."""
    text: str
    """The text."""


class InputImagePart(TypedDict, total=False):
    """An image (unconfirmed)."""

    type: Required[Literal["input_image"]]
    """`input_image`."""
    image_url: Required[str]
    """An http(s) URL, or a PNG or JPEG data URI."""
    detail: str
    """Undocumented; passed on."""


class InputFilePart(TypedDict):
    """A document by value (unconfirmed)."""

    type: Literal["input_file"]
    """`input_file`."""
    filename: str
    """Name with extension."""
    file_data: str
    """`data:<mime>;base64,<data>`."""


InputPart = InputTextPart | InputImagePart | InputFilePart
"""A part of a message of the input."""


class InputMessage(TypedDict, total=False):
    """A message of the conversation."""

    type: Literal["message"]
    """`message`; the samples leave it out."""
    role: Required[Literal["user", "assistant", "system", "developer"]]
    """Who speaks."""
    content: Required[str | Iterable[InputPart | Mapping[str, Any]]]
    """Text, or a list of parts."""


class InputFunctionCall(TypedDict):
    """A call that the model asked for, sent back."""

    type: Literal["function_call"]
    """`function_call`."""
    call_id: str
    """The id the model gave."""
    name: str
    """Name of the function."""
    arguments: str
    """The model's JSON text, unchanged."""


class InputFunctionCallOutput(TypedDict):
    """The result of a function call."""

    type: Literal["function_call_output"]
    """`function_call_output`."""
    call_id: str
    """The id of the call it answers."""
    output: str
    """The result, usually JSON text."""


InputItem = (
    InputMessage
    | InputFunctionCall
    | InputFunctionCallOutput
    | ResponseMessage
    | ResponseFunctionCall
    | UnknownObject
    | Mapping[str, Any]
)
"""An item of the input; messages and function calls of an answer may be given back as they are."""


class ResponseFunctionTool(TypedDict, total=False):
    """A function the model may ask you to call: flat, unlike that of chat completions."""

    type: Required[Literal["function"]]
    """`function`."""
    name: Required[str]
    """Name."""
    description: str
    """What it does and when to use it."""
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""
    strict: bool
    """Whether arguments must follow the schema exactly; the service's default is True."""


class BuiltInToolParam(TypedDict):
    """A tool that runs on Maritaca's servers (contract section 13); cannot stream."""

    type: Literal["web_search", "code_interpreter", "data_ocean"]
    """Web search, code execution, or Brazilian public databases (which turns the other two on)."""


class NamedFunctionChoice(TypedDict):
    """Forces one function."""

    type: Literal["function"]
    """`function`."""
    name: str
    """Which one."""


class TextJsonSchemaFormat(TypedDict, total=False):
    """The answer is JSON that follows a schema (contract section 12 lists the supported keywords)."""

    type: Required[Literal["json_schema"]]
    """`json_schema`."""
    name: Required[str]
    """Name of the schema."""
    schema: Required[Mapping[str, Any]]
    """JSON Schema."""
    strict: bool
    """Whether to follow it exactly."""
    description: str
    """What the answer is for (unconfirmed)."""


class TextConfig(TypedDict, total=False):
    """The shape of the answer's text."""

    format: TextJsonSchemaFormat | PlainFormat | Mapping[str, Any]
    """Text, JSON, or JSON that follows a schema. Default: text."""


class ResponseParams(RequestOptions, total=False):
    """Parameters of `responses.create`, `.stream` and `.parse`."""

    model: Required[ChatModel]
    """Which model answers."""
    input: Required[str | Iterable[InputItem]]
    """What to answer: a text of the user, or the whole conversation, for the service keeps none."""
    instructions: str | None
    """System text; replaces the service's own Portuguese system prompt."""
    temperature: float | None
    """0 to 2; the service's default is 0.7."""
    top_p: float | None
    """Nucleus sampling below 1; the service's default is 0.95."""
    max_output_tokens: int | None
    """Most tokens of the answer, reasoning included; the service allows 32768."""
    stop: str | Iterable[str] | None
    """Texts that end the answer. A single text is sent as a list of one."""
    tools: Iterable[ResponseFunctionTool | BuiltInToolParam | Mapping[str, Any]] | None
    """Functions the model may ask for, and tools that run on Maritaca's servers."""
    tool_choice: Literal["none", "auto", "required"] | NamedFunctionChoice | Mapping[str, Any] | None
    """Whether and which function to ask for; the service's default is `auto`."""
    parallel_tool_calls: bool | None
    """Whether several calls may come in one answer; the service's default is True."""
    text: TextConfig | None
    """The shape of the text: `{"format": ...}`."""
    metadata: Mapping[str, str] | None
    """Up to 16 pairs that come back with the response: keys to 64 characters, values to 512."""
    store: bool | None
    """Whether to keep the response; the default is False, and no route to read it back is documented."""
    service_tier: Literal["flex"] | str | None
    """`flex`: half the price, may wait up to 300 seconds for capacity (documented for chat only)."""
    extraction_effort: Literal["medium", "advanced"] | str | None
    """How thoroughly PDF files are read (documented for chat only)."""
    web_search: bool
    """Built-in web search; the same as the tool; cannot stream."""
    code_execution: bool
    """Built-in code execution; the same as the tool `code_interpreter`; cannot stream."""
    data_ocean: bool
    """Built-in Brazilian public databases; turns the other two on; cannot stream."""
