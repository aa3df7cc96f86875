"""The body of a Responses request, as strictly as the API describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, ValidationError

from ._refusal import bad_request
from ._request import (
    Body,
    JsonObjectFormat,
    JsonSchema,
    TextFormat,
    one_of,
    string_or_list,
    string_or_object,
)
from ._schema import unsupported_in
from ._validation import refusal_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Status: TypeAlias = Literal["in_progress", "completed", "incomplete"]


class InputText(Body):
    """A piece of text."""

    type: Literal["input_text"]
    text: str


class OutputText(Body):
    """A piece of an earlier answer, replayed."""

    type: Literal["output_text"]
    text: str
    annotations: list[Any] | None = None
    logprobs: None = None


class InputImage(Body):
    """An image."""

    type: Literal["input_image"]
    image_url: str
    detail: str | None = None


class InputFile(Body):
    """A document, as a data URI."""

    type: Literal["input_file"]
    filename: str = Field(min_length=1)
    file_data: str


Part: TypeAlias = Annotated[
    Annotated[InputText, Tag("<input_text>")]
    | Annotated[OutputText, Tag("<output_text>")]
    | Annotated[InputImage, Tag("<input_image>")]
    | Annotated[InputFile, Tag("<input_file>")],
    one_of("type", "input_text", "output_text", "input_image", "input_file"),
]


class InputMessage(Body):
    """A message of the conversation; one of an earlier answer brings its id and status."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Annotated[
        Annotated[str, Tag("<string>")] | Annotated[list[Part], Field(min_length=1), Tag("<list>")],
        Discriminator(string_or_list),
    ]
    id: str | None = None
    status: Status | None = None


class FunctionCall(Body):
    """A call that the model asked for, replayed."""

    type: Literal["function_call"]
    call_id: str = Field(min_length=1)
    name: str
    arguments: str
    id: str | None = None
    status: Status | None = None


class FunctionCallOutput(Body):
    """What a function gave back."""

    type: Literal["function_call_output"]
    call_id: str
    output: str
    id: str | None = None
    status: Status | None = None


def _item_tag(value: Any) -> str | None:
    return f"<{value.get('type', 'message')}>" if isinstance(value, dict) else None


Item: TypeAlias = Annotated[
    Annotated[InputMessage, Tag("<message>")]
    | Annotated[FunctionCall, Tag("<function_call>")]
    | Annotated[FunctionCallOutput, Tag("<function_call_output>")],
    Discriminator(
        _item_tag,
        custom_error_type="type_invalid",
        custom_error_message=(
            "Input should be an object whose 'type' is one of: message, function_call, function_call_output"
        ),
    ),
]


class FunctionTool(Body):
    """A function that the model may ask for."""

    type: Literal["function"]
    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class BuiltInTool(Body):
    """A tool that runs on the service."""

    type: Literal["web_search", "code_interpreter", "data_ocean"]


Tool: TypeAlias = Annotated[
    Annotated[FunctionTool, Tag("<function>")]
    | Annotated[BuiltInTool, Tag("<web_search>")]
    | Annotated[BuiltInTool, Tag("<code_interpreter>")]
    | Annotated[BuiltInTool, Tag("<data_ocean>")],
    one_of("type", "function", "web_search", "code_interpreter", "data_ocean"),
]


class FunctionChoice(Body):
    """The demand for one function."""

    type: Literal["function"]
    name: str


class JsonSchemaFormat(JsonSchema):
    """JSON that satisfies a schema; name and schema stand beside the type here."""

    type: Literal["json_schema"]


class TextConfig(Body):
    """The shape of the text."""

    format: (
        Annotated[
            Annotated[TextFormat, Tag("<text>")]
            | Annotated[JsonObjectFormat, Tag("<json_object>")]
            | Annotated[JsonSchemaFormat, Tag("<json_schema>")],
            one_of("type", "text", "json_object", "json_schema"),
        ]
        | None
    ) = None


class ResponseRequest(Body):
    """The body of ``POST /responses``."""

    model: str
    input: Annotated[
        Annotated[str, Tag("<string>")] | Annotated[list[Item], Field(min_length=1), Tag("<list>")],
        Discriminator(string_or_list),
    ]
    instructions: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_output_tokens: int | None = Field(default=None, ge=1, le=32_768)
    stop: list[str] | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: Annotated[
        Annotated[Literal["none", "auto", "required"] | None, Tag("<string>")]
        | Annotated[FunctionChoice, Tag("<object>")],
        Discriminator(string_or_object),
    ] = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
            Field(max_length=16),
        ]
        | None
    ) = None
    store: bool | None = None
    web_search: bool = False
    code_execution: bool = False
    data_ocean: bool = False
    service_tier: Literal["flex"] | None = None
    extraction_effort: Literal["medium", "advanced"] = "medium"

    @property
    def items(self) -> Sequence[InputMessage | FunctionCall | FunctionCallOutput]:
        """The conversation; a bare text is what the person says."""
        if isinstance(self.input, str):
            return [InputMessage(role="user", content=self.input)]
        return self.input

    @property
    def functions(self) -> list[FunctionTool]:
        """The functions among the tools."""
        return [tool for tool in self.tools or () if isinstance(tool, FunctionTool)]

    @property
    def built_in(self) -> dict[str, bool]:
        """Which tools run on the service, by the names of their flags."""
        asked = {tool.type for tool in self.tools or () if isinstance(tool, BuiltInTool)}
        return {
            "web_search": self.web_search or "web_search" in asked,
            "code_execution": self.code_execution or "code_interpreter" in asked,
            "data_ocean": self.data_ocean or "data_ocean" in asked,
        }


def parse_response_request(body: Any) -> ResponseRequest:
    """Return the request that a JSON body describes.

    Raises:
        Refusal: 400 for what is unsupported, 422 for wrong types, ranges and missing fields.
    """
    try:
        request = ResponseRequest.model_validate(body)
    except ValidationError as error:
        raise refusal_for(error) from error
    for rule in _RULES:
        rule(request)
    return request


def _check_stream(request: ResponseRequest) -> None:
    for name, wanted in request.built_in.items():
        if request.stream and wanted:
            raise bad_request(f"'{name}' is not supported with 'stream': true")


def _check_tools(request: ResponseRequest) -> None:
    names = [function.name for function in request.functions]
    if len(set(names)) < len(names):
        raise bad_request("'tools' must have distinct names")
    choice = request.tool_choice
    if isinstance(choice, FunctionChoice) and choice.name not in names:
        raise bad_request(f"'tool_choice' names an unknown tool: '{choice.name}'")
    if choice == "required" and not request.tools:
        raise bad_request("'tool_choice' may be 'required' only when 'tools' are given")


def _check_conversation(request: ResponseRequest) -> None:
    asked: set[str] = set()
    for index, item in enumerate(request.items):
        if isinstance(item, FunctionCall):
            asked.add(item.call_id)
        elif isinstance(item, FunctionCallOutput) and item.call_id not in asked:
            raise bad_request(f"'input[{index}].call_id' answers no earlier function call: '{item.call_id}'")


def _check_schema(request: ResponseRequest) -> None:
    wanted = request.text.format if request.text is not None else None
    problem = unsupported_in(wanted.schema_) if isinstance(wanted, JsonSchemaFormat) else None
    if problem is not None:
        raise bad_request(f"Invalid schema for 'text.format': {problem}")


_RULES: Final[tuple[Callable[[ResponseRequest], None], ...]] = (
    _check_stream,
    _check_tools,
    _check_conversation,
    _check_schema,
)
