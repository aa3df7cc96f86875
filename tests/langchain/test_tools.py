"""From every kind of tool and choice to what goes on the wire, and the tools that run on the service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from conftest import KEY
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool, Tool, tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1

from langchain_maritaca import ChatMaritaca, ChatMaritacaBadRequestError, ChatMaritacaConfigurationError
from langchain_maritaca._tools import wire_tool_choice, wire_tools
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]


class Soma(BaseModel):
    """Soma dois números."""

    a: int
    b: int


class SomaV1(BaseModelV1):
    """Soma dois números."""

    a: int
    b: int


class SomaDict(TypedDict):
    """Soma dois números."""

    a: Annotated[int, ..., "um"]
    b: int


def somar(a: int, b: int) -> int:
    """Soma dois números."""
    return a + b


with pytest.warns(LangChainBetaWarning):
    AS_TOOL = RunnableLambda(lambda given: given["a"] + given["b"]).as_tool(
        name="somar", description="Soma.", arg_types={"a": int, "b": int}
    )
JSON_SCHEMA = {
    "title": "soma",
    "description": "Soma dois números.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
BARE = {"name": "soma", "description": "Soma.", "parameters": JSON_SCHEMA}
ANTHROPIC = {"name": "soma", "description": "Soma.", "input_schema": JSON_SCHEMA}
OPENAI = {"type": "function", "function": BARE}
RESPONSES = {"type": "function", **BARE}
BEDROCK = {"toolSpec": {"name": "soma", "inputSchema": {"json": JSON_SCHEMA}}}
FORMS = [
    Soma,
    SomaV1,
    SomaDict,
    somar,
    tool(somar),
    AS_TOOL,
    JSON_SCHEMA,
    BARE,
    ANTHROPIC,
    {"type": "custom", **ANTHROPIC},
    OPENAI,
    RESPONSES,
    BEDROCK,
]


@pytest.mark.parametrize("given_tool", FORMS)
@pytest.mark.parametrize("strict", [None, True, False])
def test_every_kind_of_tool_becomes_a_function(given_tool: Any, strict: bool | None) -> None:
    (wire,), flags = wire_tools([given_tool], strict=strict)
    assert (set(wire), wire["type"], flags) == ({"type", "function"}, "function", {})
    function = wire["function"]
    assert function["name"].casefold().startswith("soma")
    assert function["parameters"]["required"] == ["a", "b"]
    assert function.get("strict") is strict
    if strict:
        assert function["parameters"]["additionalProperties"] is False


@pytest.mark.parametrize("given_tool", FORMS)
def test_every_kind_of_tool_can_be_called(make_model: MakeModel, given_tool: Any) -> None:
    answer = make_model().bind_tools([given_tool], tool_choice="any").invoke("Quanto é 2 + 3?")
    (call,) = answer.tool_calls  # type: ignore[attr-defined]
    assert call["args"] == {"a": 2, "b": 3}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"type": "file_search"}, "no built-in tool of type 'file_search': it has web_search"),
        ({"type": "web_search_20250305", "name": "web_search"}, "no built-in tool of type"),
        ({"type": "custom", "name": "livre"}, "no built-in tool of type 'custom'"),
        (
            {"type": "web_search", "search_context_size": "low"},
            "takes no options: leave out search_context_size",
        ),
        ({"google_search": {}}, "no tool can be made of"),
        ({"type": "object", "properties": {}}, "needs a 'title'"),
        ({"type": "function", "function": {"name": ""}}, "a tool needs a name"),
        (3, "no tool can be made of 3"),
        (Tool("livre", print, "Texto.", metadata={"type": "custom_tool"}), "not free text"),
        ({**OPENAI, "function": {**BARE, "strict": False}}, "strict"),
    ],
)
def test_tool_that_cannot_be_sent_is_refused_when_it_is_bound(bad: Any, said: str) -> None:
    with pytest.raises(ChatMaritacaConfigurationError, match=re.escape(said)):
        ChatMaritaca(api_key=KEY).bind_tools([bad], strict=True)


def test_two_tools_of_one_name_are_refused_before_anything_is_sent(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    # Not when they are bound: LangChain's standard tests bind a class together with its own schema.
    bound = make_model().bind_tools([somar, tool(somar)])
    with pytest.raises(ChatMaritacaConfigurationError, match="two tools are called somar"):
        bound.invoke("Quanto é 2 + 3?")
    assert sandbox.requests == []


class No(BaseModel):
    """Um nó de uma árvore."""

    nome: str
    filhos: list[No] = Field(default_factory=list)


class NoV1(BaseModelV1):
    """Um nó de uma árvore."""

    nome: str
    filhos: list[NoV1] = []


NoV1.update_forward_refs()


def plantar(raiz: No, rega: Literal["muita", "pouca"]) -> None:
    """Planta uma árvore."""


@pytest.mark.parametrize(
    "given_tool", [No, NoV1, plantar, tool(plantar), StructuredTool.from_function(plantar)]
)
def test_tool_whose_arguments_refer_to_themselves_keeps_its_definitions(given_tool: Any) -> None:
    (wire,), _ = wire_tools([given_tool], strict=True)
    parameters = wire["function"]["parameters"]
    key = "$defs" if "$defs" in parameters else "definitions"
    (definition,) = parameters[key].values()
    reference = f"#/{key}/{next(iter(parameters[key]))}"
    assert definition["properties"]["filhos"]["items"] == {"$ref": reference}
    assert parameters["type"] == "object"
    assert parameters["additionalProperties"] is definition["additionalProperties"] is False
    assert not {"title", "description"} & parameters.keys()


class Ramo(TypedDict):
    """Um ramo de uma árvore."""

    nome: str
    ramos: NotRequired[list[Ramo]]


def test_typed_dict_with_optional_and_recursive_keys_is_a_tool() -> None:
    (wire,), _ = wire_tools([Ramo])
    function = wire["function"]
    assert (function["name"], function["description"]) == ("Ramo", "Um ramo de uma árvore.")
    assert function["parameters"]["required"] == ["nome"]
    assert function["parameters"]["properties"]["ramos"]["items"] == {"$ref": "#/$defs/Ramo"}
    assert function["parameters"]["$defs"]["Ramo"]["properties"]["nome"] == {"type": "string"}


NODE = {"type": "object", "properties": {"filhos": {"type": "array", "items": {"$ref": "#/$defs/No"}}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"raiz": {"$ref": "#/$defs/No"}}, "$defs": {"No": NODE}},
        {"type": "object", "properties": {"filhos": {"type": "array", "items": {"$ref": "#"}}}},
        {
            "type": "object",
            "properties": {"no": {"type": "object", "properties": {"no": {"$ref": "#/properties/no"}}}},
        },
    ],
)
def test_tool_with_a_recursive_json_schema_keeps_its_references(schema: dict[str, Any]) -> None:
    made = StructuredTool(name="plantar", description="Planta.", args_schema=schema, func=print)
    (wire,), _ = wire_tools([made])
    assert wire["function"] == {"name": "plantar", "description": "Planta.", "parameters": schema}


# Choices


NAMED = {"type": "function", "function": {"name": "somar"}}
CHOICES = [
    (None, None),
    (False, None),
    (True, "required"),
    ("any", "required"),
    ("auto", "auto"),
    ("none", "none"),
    ("required", "required"),
    ("somar", NAMED),
    (NAMED, NAMED),
]


@pytest.mark.parametrize(("choice", "wire"), CHOICES)
def test_tool_choice_becomes_the_documented_form(choice: Any, wire: Any) -> None:
    functions, _ = wire_tools([somar])
    assert wire_tool_choice(choice) == wire_tool_choice(choice, functions) == wire


@pytest.mark.parametrize("choice", [None, False, "auto", "none"])
def test_choice_that_demands_nothing_needs_no_tools(choice: Any) -> None:
    assert wire_tool_choice(choice, []) is None


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (["soma"], "tool_choice must be"),
        ("raiz", "'raiz', which is not a bound function; bound are: somar."),
        ({"type": "function", "function": {"name": "raiz"}}, "'raiz'"),
        ("web_search", "cannot be chosen"),
        ({"type": "web_search"}, "cannot be chosen"),
        (
            {"type": "auto"},
            "not {'type': 'auto'}; everything else is said by a word: 'auto', 'any' or 'none'",
        ),
        ({}, "must be {'type': 'function'"),
    ],
)
def test_choice_that_cannot_be_met_is_refused(choice: Any, said: str) -> None:
    functions, _ = wire_tools([somar, {"type": "web_search"}])
    with pytest.raises(ChatMaritacaConfigurationError, match=re.escape(said)):
        wire_tool_choice(choice, functions)


def test_choice_of_the_constructor_is_checked_against_its_tools() -> None:
    with pytest.raises(ValueError, match="'raiz', which is not a bound function; bound are: somar"):
        ChatMaritaca(api_key=KEY, tools=[somar], tool_choice="raiz")
    with pytest.raises(ValueError, match="no function is bound"):
        ChatMaritaca(api_key=KEY, tool_choice="any")


def test_choice_of_the_constructor_goes_with_its_tools_only(make_model: MakeModel, sandbox: Sandbox) -> None:
    def dobrar(a: int) -> int:
        """Dobra um número."""
        return 2 * a

    model = make_model(tools=[somar], tool_choice="somar")
    model.invoke("Quanto é 2 + 3?")
    assert sandbox.requests[-1].body["tool_choice"] == NAMED
    model.bind_tools([dobrar]).invoke("Dobrar 2")
    assert "tool_choice" not in sandbox.requests[-1].body


# Tools that run on the service


FLAGS = ("web_search", "code_execution", "data_ocean")


def test_tools_that_run_on_the_service_become_flags() -> None:
    kinds = ("web_search", "code_interpreter", "data_ocean")
    functions, flags = wire_tools([*({"type": kind} for kind in kinds), somar])
    assert [function["function"]["name"] for function in functions] == ["somar"]
    assert flags == {"web_search": True, "code_execution": True, "data_ocean": True}


@pytest.mark.parametrize("kind", ["web_search_preview", "web_search_preview_2025_03_11"])
def test_names_of_openais_preview_stand_for_web_search(kind: str) -> None:
    assert wire_tools([{"type": kind}]) == ([], {"web_search": True})


@pytest.mark.parametrize("flag", FLAGS)
def test_built_in_tool_is_switched_on_by_its_field_and_off_by_a_call(
    make_model: MakeModel, sandbox: Sandbox, flag: str
) -> None:
    model = make_model(**{flag: True})
    answer = model.invoke("Quanto choveu?")
    assert "tool_execution_details" in answer.response_metadata["token_usage"]
    assert sandbox.requests[-1].body[flag] is True
    answer = model.invoke("Quanto choveu?", **{flag: False})
    assert "tool_execution_details" not in answer.response_metadata["token_usage"]
    assert sandbox.requests[-1].body[flag] is False
    assert len(list(model.stream("Quanto choveu?", **{flag: False}))) > 1
    assert model._identifying_params[flag] is True
    assert model._get_llm_string() != make_model()._get_llm_string()


def test_built_in_tools_are_not_sent_unless_they_were_set(make_model: MakeModel, sandbox: Sandbox) -> None:
    make_model().invoke("Oi")
    make_model(web_search=None).bind(data_ocean=None).invoke("Oi")
    for request in sandbox.requests:
        assert not request.body.keys() & set(FLAGS)


def test_constructor_takes_built_in_tools_among_its_tools() -> None:
    model = ChatMaritaca(api_key=KEY, tools=[{"type": "web_search"}, {"type": "code_interpreter"}])
    assert (model.web_search, model.code_execution, model.data_ocean, model.tools) == (True, True, None, None)
    with pytest.raises(ValueError, match="switched off: web_search"):
        ChatMaritaca(api_key=KEY, tools=[{"type": "web_search"}], web_search=False)


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("bound", [False, True])
def test_no_way_of_streaming_streams_a_built_in_tool(
    make_model: MakeModel, sandbox: Sandbox, flag: str, bound: bool
) -> None:
    model: Any = make_model().bind(**{flag: True}) if bound else make_model(**{flag: True})

    async def streamed_async() -> list[Any]:
        chunks = [chunk async for chunk in model.astream("Quanto choveu?")]
        return [*chunks, *[event async for event in model.astream_events("Quanto choveu?")]]

    whole = model.invoke("Quanto choveu?").text
    (streamed,) = model.stream("Quanto choveu?")
    astreamed, *events = asyncio.run(streamed_async())
    (told,) = [event["data"]["output"] for event in events if event["event"] == "on_chat_model_end"]
    assert [streamed.text, astreamed.text, told.text] == [whole] * 3
    assert not any("stream" in request.body for request in sandbox.requests)


async def test_graph_gets_the_answer_of_a_built_in_tool_in_one_piece(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    graphs = pytest.importorskip("langgraph.graph")
    model = make_model(web_search=True)

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = (
        graphs.StateGraph(graphs.MessagesState)
        .add_node("model", node)
        .add_edge(graphs.START, "model")
        .compile()
    )
    request = {"messages": [("user", "Quanto choveu?")]}
    pieces = [message async for message, _ in graph.astream(request, stream_mode="messages")]
    assert len(pieces) == 1
    assert not isinstance(pieces[0], AIMessageChunk)
    assert "stream" not in sandbox.requests[-1].body


def test_agent_may_have_built_in_tools_beside_its_own(make_model: MakeModel, sandbox: Sandbox) -> None:
    agents = pytest.importorskip("langchain.agents")
    agent = agents.create_agent(make_model(), [somar, {"type": "web_search"}])
    messages = agent.invoke({"messages": [("user", "Quanto é 2 + 3?")]})["messages"]
    assert messages[2].content == "5"
    assert sandbox.requests[-1].body["web_search"] is True
    assert [each["function"]["name"] for each in sandbox.requests[-1].body["tools"]] == ["somar"]


def test_service_decides_which_models_have_a_tool(make_model: MakeModel, sandbox: Sandbox) -> None:
    with pytest.raises(ChatMaritacaBadRequestError, match="code_execution"):
        make_model(model="sabiazinho-4", code_execution=True).invoke("Oi")
    assert len(sandbox.requests) == 1
