"""What a single call can set, and what is made of it before anything is sent or traced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import KEY
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_maritaca import ChatMaritaca, ChatMaritacaConfigurationError, _calls
from langchain_maritaca._tools import wire_tools
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]


def somar(a: int, b: int) -> int:
    """Soma dois números."""
    return a + b


def ask_every_way(chat: Any, **call: Any) -> Iterator[Callable[[], Any]]:
    """Each way to ask, as a function."""

    async def streamed() -> Any:
        return [piece async for piece in chat.astream("Oi", **call)]

    async def evented() -> Any:
        return [event async for event in chat.astream_events("Oi", **call)]

    async def asked() -> Any:
        return await chat.ainvoke("Oi", **call)

    yield lambda: chat.invoke("Oi", **call)
    yield lambda: list(chat.stream("Oi", **call))
    yield lambda: chat.batch(["Oi"], **call)
    yield lambda: chat.bind(**call).invoke("Oi")
    for coroutine in (asked, streamed, evented):
        yield lambda coroutine=coroutine: asyncio.run(coroutine())


@pytest.mark.parametrize(
    ("call", "wire"),
    [
        ({"model_name": "sabiazinho-4"}, {"model": "sabiazinho-4"}),
        ({"stop_sequences": ["fim"]}, {"model": "sabia-4", "stop": ["fim"]}),
        ({"request_timeout": 5.0}, {"model": "sabia-4"}),
    ],
)
def test_field_name_given_to_a_call_means_its_parameter(
    make_model: MakeModel, sandbox: Sandbox, call: dict[str, Any], wire: dict[str, Any]
) -> None:
    for ask in ask_every_way(make_model(), **call):
        ask()
        body = {
            name: value for name, value in sandbox.requests[-1].body.items() if not name.startswith("stream")
        }
        assert body == {"messages": [{"role": "user", "content": "Oi"}], **wire}


def test_traces_and_cache_know_the_parameter_by_one_name(make_model: MakeModel) -> None:
    model = make_model()
    params = model._get_invocation_params(model_name="sabiazinho-4", stop_sequences=["fim"])
    assert (params["model"], params["stop"]) == ("sabiazinho-4", ["fim"])
    assert not {"model_name", "stop_sequences"} & params.keys()
    known = model._get_ls_params(model_name="sabiazinho-4", stop_sequences=["fim"])
    assert (known["ls_model_name"], known["ls_stop"]) == ("sabiazinho-4", ["fim"])
    assert model._get_llm_string(model_name="a", stop_sequences=["b"]) == model._get_llm_string(
        stop=["b"], model="a"
    )


SECRET = "segredo-0123456789"


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "maritaca_api_key",
        "base_url",
        "maritaca_api_base",
        "streaming",
        "client",
        "model_kwargs",
        "retry_delay",
        "auto_truncate",
        "rate_limiter",
    ],
)
def test_argument_of_the_constructor_is_no_parameter_of_a_call(
    make_model: MakeModel, sandbox: Sandbox, name: str
) -> None:
    seen: list[str] = []

    class Trace(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            seen.append(repr((args, kwargs)))

    for ask in ask_every_way(make_model(callbacks=[Trace()]), **{name: SECRET}):
        with pytest.raises(
            ChatMaritacaConfigurationError, match=f"no parameters of a call: {name}"
        ) as caught:
            ask()
        assert SECRET not in str(caught.value)
    assert sandbox.requests == []
    assert SECRET not in "".join(seen)


@pytest.mark.parametrize(
    "call", [{"model": "a", "model_name": "b"}, {"stop": ["a"], "stop_sequences": ["b"]}]
)
def test_parameter_given_by_both_its_names_is_refused(
    make_model: MakeModel, sandbox: Sandbox, call: dict[str, Any]
) -> None:
    for ask in ask_every_way(make_model(), **call):
        with pytest.raises(ChatMaritacaConfigurationError, match="given twice"):
            ask()
    assert sandbox.requests == []


def test_headers_of_a_call_are_sent_and_not_traced(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model(model_kwargs={"extra_headers": {"X-Chave": SECRET}})
    seen: list[str] = []

    class Trace(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
            seen.append(repr(kwargs))

    list(model.stream("Oi", {"callbacks": [Trace()]}))
    model.invoke("Oi", {"callbacks": [Trace()]}, extra_headers={"X-Outra": SECRET})
    assert [SECRET in text for text in seen] == [False, False]
    assert sandbox.requests[0].headers["x-chave"] == sandbox.requests[1].headers["x-outra"] == SECRET


def test_subclass_may_take_a_field_of_its_own_per_call(make_model: MakeModel) -> None:
    class Educado(ChatMaritaca):
        saudacao: str = "Olá"

        def _generate(self, messages: Any, *args: Any, saudacao: str | None = None, **kwargs: Any) -> Any:
            result = super()._generate(messages, *args, **kwargs)
            result.llm_output = {"saudacao": saudacao}
            return result

    model = Educado(**make_model().model_dump(include={"maritaca_api_key", "maritaca_api_base"}))
    result = model.generate([[HumanMessage("Oi")]], saudacao="Oi")
    assert result.generations


# Tools of a single call


def test_tools_of_a_call_are_taken_as_bind_tools_takes_them(make_model: MakeModel, sandbox: Sandbox) -> None:
    functions, _ = wire_tools([somar])
    for ask in ask_every_way(make_model(), tools=[somar, {"type": "web_search"}]):
        ask()
        body = sandbox.requests[-1].body
        assert (body["tools"], body["web_search"]) == (functions, True)
        assert "stream" not in body
    assert len(sandbox.requests) == 7


def test_tools_of_a_call_leave_nothing_raw_in_traces() -> None:
    params = ChatMaritaca(api_key=KEY)._get_invocation_params(tools=[somar, {"type": "web_search"}])
    assert (params["tools"], params["web_search"]) == (wire_tools([somar])[0], True)


def test_tools_on_the_wires_own_form_are_not_converted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ChatMaritaca(api_key=KEY)
    bound = model.bind(tools=[somar])
    functions = bound.kwargs["tools"]
    assert functions == wire_tools([somar])[0]

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("converted twice")

    monkeypatch.setattr("langchain_maritaca._calls.wire_tools", refuse)
    assert model._given(None, bound.kwargs)["tools"] is functions
    with pytest.raises(AssertionError):
        model._given(None, {"tools": [somar]})


def test_tools_of_a_call_are_made_ready_once(
    make_model: MakeModel, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(_calls, "wire_tools", lambda tools: made.append(tools) or wire_tools(tools))
    model = make_model()
    ways = [
        *ask_every_way(model, tools=[somar]),
        lambda: model.generate([[HumanMessage("Oi")]], tools=[somar]),
        lambda: model.batch(["Oi"] * 3, tools=[somar]),
        lambda: list(model.stream_events("Oi", version="v3", tools=[somar])),
    ]
    for ask in ways:
        made.clear()
        ask()
        assert made == [[somar]]
        assert sandbox.requests[-1].body["tools"][0]["function"]["name"] == "somar"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"tools": [{"type": "web_search"}], "web_search": False}, "switched off: web_search"),
        ({"tools": (each for each in [somar])}, "tools must be a list"),
        ({"tools": somar}, "tools must be a list"),
        ({"tools": {"type": "function"}}, "tools must be a list"),
        ({"tools": "somar"}, "tools must be a list"),
        ({"tools": [{"type": "file_search"}]}, "no built-in tool of type"),
    ],
)
def test_tools_of_a_call_that_cannot_be_sent_are_refused(
    make_model: MakeModel, sandbox: Sandbox, call: dict[str, Any], said: str
) -> None:
    model = make_model()
    for attempt in (model.bind, lambda **given: model.invoke("Oi", **given)):
        with pytest.raises(ChatMaritacaConfigurationError, match=said):
            attempt(**call)
    assert sandbox.requests == []


def test_two_tools_of_one_name_are_refused_by_the_constructor() -> None:
    with pytest.raises(ValueError, match="two tools are called somar"):
        ChatMaritaca(api_key=KEY, tools=[somar, tool(somar)])


@pytest.mark.parametrize("extra", [{"web_search": True}, {"n": 2}])
def test_parameter_that_cannot_stream_is_seen_in_the_extra_body_too(
    make_model: MakeModel, sandbox: Sandbox, extra: dict[str, Any]
) -> None:
    (piece,) = make_model().stream("Oi", extra_body=extra)
    (other,) = make_model(model_kwargs={"extra_body": extra}).stream("Oi")
    assert piece.text == other.text
    assert not any("stream" in request.body for request in sandbox.requests)
