"""The body of a chat request, as strictly as the API describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

TAG_MARK = "<"
"""First character of the union tags, so that error locations can leave them out."""


def one_of(key: str, *allowed: str) -> Discriminator:
    """Tell the members of a union by what they hold under a key."""

    def tag(value: Any) -> str | None:
        return f"<{value.get(key)}>" if isinstance(value, dict) else None

    message = f"Input should be an object whose '{key}' is one of: {', '.join(allowed)}"
    return Discriminator(tag, custom_error_type=f"{key}_invalid", custom_error_message=message)


def string_or_list(value: Any) -> str:
    """The tag of a union of a string and a list."""
    return "<list>" if isinstance(value, list) else "<string>"


def string_or_object(value: Any) -> str:
    """The tag of a union of a string and an object."""
    return "<object>" if isinstance(value, dict) else "<string>"


class Body(BaseModel):
    """An object in a request, which takes no other fields than its own."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class TextPart(Body):
    """A piece of text in a user message."""

    type: Literal["text"]
    text: str


class ImageUrl(Body):
    """Where an image is: an http address or a data URI."""

    url: str


class ImagePart(Body):
    """An image in a user message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class FileData(Body):
    """A document, as a data URI."""

    filename: str = Field(min_length=1)
    file_data: str


class FilePart(Body):
    """A document in a user message."""

    type: Literal["file"]
    file: FileData


Part: TypeAlias = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[ImagePart, Tag("<image_url>")]
    | Annotated[FilePart, Tag("<file>")],
    one_of("type", "text", "image_url", "file"),
]


class FunctionCall(Body):
    """The name and the JSON arguments of a call that the model asked for."""

    name: str
    arguments: str


class ToolCall(Body):
    """A call that an assistant message replays."""

    id: str = Field(min_length=1)
    type: Literal["function"]
    function: FunctionCall


class SystemMessage(Body):
    """Instructions for the model."""

    role: Literal["system"]
    content: str
    name: str | None = None


class UserMessage(Body):
    """What the person says."""

    role: Literal["user"]
    content: Annotated[
        Annotated[str, Tag("<string>")] | Annotated[list[Part], Field(min_length=1), Tag("<list>")],
        Discriminator(string_or_list),
    ]
    name: str | None = None


class AssistantMessage(Body):
    """What the model said, replayed as it was received."""

    role: Literal["assistant"]
    content: str | None = None
    tool_calls: list[ToolCall] | None = Field(default=None, min_length=1)
    name: str | None = None
    reasoning_content: str | None = None
    # OpenAI's own message class dumps these as nulls when it is replayed.
    annotations: None = None
    audio: None = None
    function_call: None = None
    refusal: None = None


class ToolMessage(Body):
    """What a tool gave back."""

    role: Literal["tool"]
    content: str
    tool_call_id: str
    name: str | None = None


Message: TypeAlias = Annotated[
    Annotated[SystemMessage, Tag("<system>")]
    | Annotated[UserMessage, Tag("<user>")]
    | Annotated[AssistantMessage, Tag("<assistant>")]
    | Annotated[ToolMessage, Tag("<tool>")],
    one_of("role", "system", "user", "assistant", "tool"),
]


class Function(Body):
    """A function that the model may ask for."""

    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    strict: bool | None = None


class Tool(Body):
    """A function tool."""

    type: Literal["function"]
    function: Function

    @model_validator(mode="before")
    @classmethod
    def _wrap(cls, value: Any) -> Any:
        # The reference page shows tools without their envelope; the service takes both.
        if isinstance(value, dict) and "name" in value and "function" not in value:
            return {"type": "function", "function": value}
        return value


class FunctionName(Body):
    """The function that a tool choice names."""

    name: str


class NamedToolChoice(Body):
    """The demand for one function."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(Body):
    """What a stream should bring besides the text."""

    include_usage: bool | None = None


class TextFormat(Body):
    """Plain text."""

    type: Literal["text"]


class JsonObjectFormat(Body):
    """Some JSON object."""

    type: Literal["json_object"]


class JsonSchema(Body):
    """A named schema."""

    name: str = Field(min_length=1)
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class JsonSchemaFormat(Body):
    """JSON that satisfies a schema."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


class ChatRequest(Body):
    """The body of ``POST /chat/completions``."""

    model: str
    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    n: int | None = Field(default=None, ge=1)
    stop: Annotated[
        Annotated[str, Tag("<string>")] | Annotated[list[str], Tag("<list>")],
        Discriminator(string_or_list),
    ] = []
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Tool] = []
    tool_choice: Annotated[
        Annotated[Literal["none", "auto", "required"], Tag("<string>")]
        | Annotated[NamedToolChoice, Tag("<object>")],
        Discriminator(string_or_object),
    ] = "auto"
    parallel_tool_calls: bool | None = None
    response_format: Annotated[
        Annotated[TextFormat, Tag("<text>")]
        | Annotated[JsonObjectFormat, Tag("<json_object>")]
        | Annotated[JsonSchemaFormat, Tag("<json_schema>")],
        one_of("type", "text", "json_object", "json_schema"),
    ] = TextFormat(type="text")
    service_tier: Literal["flex"] | None = None
    extraction_effort: Literal["medium", "advanced"] = "medium"
    web_search: bool = False
    code_execution: bool = False
    data_ocean: bool = False
    seed: int | None = None

    @property
    def output_limit(self) -> int | None:
        """The most tokens that the caller wants back."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stop_sequences(self) -> list[str]:
        """The strings that end the reply, empty ones left out."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop
        return [text for text in stop if text]

    @property
    def parts(self) -> list[TextPart | ImagePart | FilePart]:
        """Every content part of every user message."""
        return [
            part
            for message in self.messages
            if isinstance(message, UserMessage) and isinstance(message.content, list)
            for part in message.content
        ]
