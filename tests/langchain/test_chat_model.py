"""`ChatMaritaca` itself: what it takes, what it sends, and where it works."""

from __future__ import annotations

import ast
import asyncio
import copy
import gc
import inspect
import json
import pickle
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import KEY
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_core.utils import get_pydantic_field_names
from pydantic import ValidationError
from scripted import Exchange, ScriptedServer, chunk

import langchain_maritaca
import maritaca_async
from langchain_maritaca import ChatMaritaca, chat_models
from maritaca_async import AsyncMaritaca, ConfigurationError, Maritaca, RetryPolicy, Timeouts
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]


def sent(sandbox: Sandbox) -> dict[str, Any]:
    body = sandbox.requests[-1].body
    assert isinstance(body, dict)
    return body


# Construction


def test_package_names_its_version_and_what_it_offers() -> None:
    assert langchain_maritaca.__version__ == maritaca_async.__version__
    assert langchain_maritaca.__all__ == sorted(langchain_maritaca.__all__)
    assert all(hasattr(langchain_maritaca, name) for name in langchain_maritaca.__all__)


def test_package_without_langchain_says_what_to_install() -> None:
    code = (
        "import sys, importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'langchain_core' else found(name, *more)\n"
        "import langchain_maritaca\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'maritaca-async[langchain]'" in done.stderr


@pytest.mark.parametrize(
    ("name", "alias", "value"),
    [
        ("model_name", "model", "sabiazinho-4"),
        ("stop", "stop_sequences", ["fim"]),
        ("maritaca_api_base", "base_url", "https://example.com/api"),
        ("request_timeout", "timeout", 30.0),
        ("request_timeout", "timeout", Timeouts(connect=1.0)),
        ("temperature", None, 0.5),
        ("max_tokens", None, 100),
        ("top_p", None, 0.5),
        ("frequency_penalty", None, -1.0),
        ("presence_penalty", None, 1.0),
        ("max_retries", None, 5),
        ("retry_if_rate_limited", None, False),
        ("retry_delay", None, 2.0),
        ("retry_max_delay", None, 60.0),
        ("retry_multiplier", None, 3.0),
        ("streaming", None, True),
        ("n", None, 2),
        ("tools", None, [{"type": "function", "function": {"name": "f"}}]),
        ("tool_choice", None, "auto"),
        ("stream_usage", None, False),
        ("service_tier", None, "flex"),
        ("extraction_effort", None, "advanced"),
        ("model_kwargs", None, {"seed": 7}),
        ("web_search", None, True),
    ],
)
def test_argument_is_taken_by_name_and_by_alias(name: str, alias: str | None, value: Any) -> None:
    for argument in filter(None, (name, alias)):
        assert getattr(ChatMaritaca(maritaca_api_key=KEY, **{argument: value}), name) == value


def test_defaults_are_the_services_own() -> None:
    model = ChatMaritaca(api_key=KEY)
    assert (model.model_name, model.max_retries, model.stream_usage) == ("sabia-4", 2, True)
    unset = ("temperature", "max_tokens", "top_p", "stop", "n", "frequency_penalty", "presence_penalty")
    assert [getattr(model, name) for name in unset] == [None] * len(unset)


def test_missing_key_says_what_to_set() -> None:
    with pytest.raises(
        ValidationError, match="set the environment variable MARITACA_API_KEY or pass api_key"
    ):
        ChatMaritaca()


def test_key_and_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", KEY)
    monkeypatch.setenv("MARITACA_API_BASE", "https://example.com/api")
    model = ChatMaritaca()
    assert model.maritaca_api_key is not None
    assert model.maritaca_api_key.get_secret_value() == KEY
    assert model.maritaca_api_base == "https://example.com/api"
    assert ChatMaritaca(base_url="https://example.org/api").maritaca_api_base == "https://example.org/api"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"n": 2, "streaming": True}, "n must be 1 when streaming"),
        ({"retry_delay": -1.0}, "retry_delay must be non-negative"),
        ({"retry_delay": 9.0, "retry_max_delay": 1.0}, "retry_max_delay must be greater than or equal"),
        ({"retry_multiplier": 0.5}, "retry_multiplier must be at least 1"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": -1}, "timeout"),
        ({"base_url": "example.com"}, "base_url"),
        ({"api_key": "com espaço"}, "api_key"),
        ({"tool_choice": 3}, "tool_choice"),
        ({"model_kwargs": {"temperature": 1}}, "temperature"),
        ({"client": object()}, "client"),
        ({"temperature": "quente"}, "temperature"),
    ],
)
def test_argument_that_cannot_work_is_refused_without_showing_the_key(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        ChatMaritaca(**{"api_key": KEY, **fields})
    assert KEY not in str(caught.value)


def test_long_first_delay_needs_no_other_setting() -> None:
    model = ChatMaritaca(api_key=KEY, retry_delay=30.0)
    assert model.retry_delay == 30.0


def test_retry_settings_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    policies: list[RetryPolicy] = []
    original = AsyncMaritaca.__init__

    def spying(self: AsyncMaritaca, *args: Any, **options: Any) -> None:
        policies.append(options["max_retries"])
        original(self, *args, **options)

    monkeypatch.setattr(AsyncMaritaca, "__init__", spying)
    ChatMaritaca(
        api_key=KEY,
        max_retries=7,
        retry_if_rate_limited=False,
        retry_delay=2.0,
        retry_max_delay=90.0,
        retry_multiplier=3.0,
    )
    assert policies == [
        RetryPolicy(
            max_retries=7,
            retry_rate_limited=False,
            delay=2.0,
            max_delay=90.0,
            multiplier=3.0,
            rate_limit_max_delay=90.0,
            max_retry_after=90.0,
        )
    ]


def test_unknown_argument_moves_to_model_kwargs_with_a_warning_that_points_here() -> None:
    with pytest.warns(UserWarning, match="moved to model_kwargs: novelty") as caught:
        model = ChatMaritaca(api_key=KEY, novelty=True, model_kwargs={"seed": 1})
    assert model.model_kwargs == {"novelty": True, "seed": 1}
    assert caught[0].filename == __file__


def test_argument_given_twice_is_refused() -> None:
    with pytest.warns(UserWarning, match="moved"), pytest.raises(ValidationError, match="given twice"):
        ChatMaritaca(api_key=KEY, seed=1, model_kwargs={"seed": 2})


def test_construction_opens_nothing_and_is_quick() -> None:
    threads = threading.active_count()
    started = time.process_time()
    for _ in range(100):
        ChatMaritaca(api_key=KEY)
    assert time.process_time() - started < 1.0
    assert threading.active_count() == threads


def test_profile_says_what_the_model_can_do() -> None:
    profile = ChatMaritaca(api_key=KEY).profile
    assert profile is not None
    assert (profile["max_input_tokens"], profile["structured_output"]) == (128_000, True)
    assert profile["reasoning_output"] is False
    thinking = ChatMaritaca(api_key=KEY, model="sabia-4-thinking").profile
    assert thinking is not None
    assert thinking["reasoning_output"] is True
    assert ChatMaritaca(api_key=KEY, model="sabia-99").profile is None


# What goes on the wire


def test_only_what_was_set_is_sent(make_model: MakeModel, sandbox: Sandbox) -> None:
    make_model().invoke("Olá")
    assert sent(sandbox) == {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}]}
    list(make_model(stream_usage=False).stream("Olá"))
    assert sent(sandbox) == {
        "model": "sabia-4",
        "messages": [{"role": "user", "content": "Olá"}],
        "stream": True,
    }


def test_everything_that_was_set_is_sent(make_model: MakeModel, sandbox: Sandbox) -> None:
    fields = {
        "temperature": 0,
        "max_tokens": 50,
        "top_p": 0.5,
        "stop": ["fim"],
        "frequency_penalty": 0,
        "presence_penalty": 1,
        "n": 2,
        "service_tier": "flex",
        "extraction_effort": "advanced",
    }
    make_model(model="sabiazinho-4", model_kwargs={"seed": 7}, **fields).invoke("Olá")
    body = sent(sandbox)
    del body["messages"]
    assert body == {"model": "sabiazinho-4", "seed": 7, **fields}


def test_call_overrides_the_model(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model(temperature=1, stop=["fim"])
    model.invoke("Olá", model="sabiazinho-4", temperature=0, stop=["outro"], max_tokens=9)
    body = sent(sandbox)
    assert (body["model"], body["temperature"], body["stop"], body["max_tokens"]) == (
        "sabiazinho-4",
        0,
        ["outro"],
        9,
    )
    model.invoke("Olá", temperature=None, stop=[], model=None)
    assert not sent(sandbox).keys() & {"temperature", "stop"}
    assert sent(sandbox)["model"] == "sabia-4"
    model.bind(top_p=0.5).invoke("Olá")
    assert (sent(sandbox)["top_p"], sent(sandbox)["stop"]) == (0.5, ["fim"])


def test_stream_arguments_of_a_call_are_tolerated(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model()
    model.invoke("Olá", stream=False, stream_usage=True, stream_options={"include_usage": True})
    assert set(sent(sandbox)) == {"model", "messages"}
    model.invoke("Olá", stream=True)
    assert sent(sandbox)["stream"] is True
    list(model.stream("Olá", stream_usage=False))
    assert "stream_options" not in sent(sandbox)


def test_call_options_of_the_client_work_per_call(make_model: MakeModel, sandbox: Sandbox) -> None:
    make_model().invoke("Olá", timeout=5, extra_headers={"X-Caso": "1"})
    assert set(sent(sandbox)) == {"model", "messages"}
    assert sandbox.requests[-1].headers["X-Caso"] == "1"


def test_tools_of_the_constructor_are_sent_with_every_call(make_model: MakeModel, sandbox: Sandbox) -> None:
    def soma(a: int, b: int) -> int:
        """Soma dois números."""
        return a + b

    make_model(tools=[soma], tool_choice="any").invoke("Quanto é 2 + 3?")
    body = sent(sandbox)
    assert body["tools"][0]["function"]["name"] == "soma"
    assert body["tool_choice"] == "required"


def test_empty_tool_list_is_not_sent(make_model: MakeModel, sandbox: Sandbox) -> None:
    bound = make_model().bind_tools([], parallel_tool_calls=False, response_format=_SCHEMA)
    assert json.loads(bound.invoke("Ana tem 30 anos").text)
    assert set(sent(sandbox)) == {"model", "messages", "response_format"}


_SCHEMA = {
    "title": "pessoa",
    "type": "object",
    "properties": {"nome": {"type": "string"}},
    "required": ["nome"],
}


def test_bound_tools_reach_the_wire(make_model: MakeModel, sandbox: Sandbox) -> None:
    bound = make_model().bind_tools([_SCHEMA], tool_choice="pessoa", parallel_tool_calls=False, strict=True)
    (made,) = bound.invoke("Ana tem 30 anos").tool_calls
    assert made["name"] == "pessoa"
    body = sent(sandbox)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "pessoa"}}
    assert (body["parallel_tool_calls"], body["tools"][0]["function"]["strict"]) == (False, True)


def test_tools_that_run_on_the_service_ask_for_the_whole_answer(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model().bind_tools([{"type": "web_search"}])
    (answer,) = model.stream("Notícias de hoje?")
    assert answer.response_metadata["token_usage"]["tool_execution_details"]["web_search_calls"] == 1
    body = sent(sandbox)
    assert (body["web_search"], "stream" in body, "tools" in body) == (True, False, False)


def test_several_answers_come_from_generate(make_model: MakeModel, sandbox: Sandbox) -> None:
    result = make_model(n=2).generate([[HumanMessage("Olá")]])
    assert len(result.generations[0]) == 2
    assert len({generation.text for generation in result.generations[0]}) == 2
    assert len(list(make_model(n=2).stream("Olá"))) == 1
    assert "stream" not in sent(sandbox)
    with pytest.raises(ValueError, match="n must be 1 when streaming"):
        next(make_model(n=2)._stream([HumanMessage("Olá")]))


# Answers


def test_stream_equals_invoke_but_for_ids(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.configure(reasoning_content=True)
    model = make_model(model="sabia-4-thinking")
    plain = model.invoke("O que é Python?")
    first, *rest = model.stream("O que é Python?")
    whole = first + rest
    assert (whole.content, whole.additional_kwargs) == (plain.content, plain.additional_kwargs)
    assert whole.response_metadata.keys() == plain.response_metadata.keys()
    assert whole.usage_metadata["output_tokens"] == plain.usage_metadata["output_tokens"]
    assert [block["type"] for block in whole.content_blocks] == ["reasoning", "text"]


def test_extracted_files_are_in_the_metadata_of_streams_too(make_model: MakeModel) -> None:
    prompt = [
        HumanMessage([{"type": "file", "base64": "QUJD", "mime_type": "text/plain", "filename": "a.txt"}])
    ]
    model = make_model()
    first, *rest = model.stream(prompt)
    plain, whole = model.invoke(prompt), first + rest
    assert plain.response_metadata["extracted_files"] == [{"filename": "a.txt", "text": "ABC"}]
    assert whole.response_metadata["extracted_files"] == plain.response_metadata["extracted_files"]


def test_streaming_model_gives_the_same_message_from_invoke(make_model: MakeModel, sandbox: Sandbox) -> None:
    plain, streamed = make_model().invoke("Olá"), make_model(streaming=True).invoke("Olá")
    assert sent(sandbox)["stream"] is True
    assert type(streamed) is AIMessage
    assert streamed.content == plain.content
    assert streamed.response_metadata.keys() == plain.response_metadata.keys()
    assert streamed.usage_metadata["total_tokens"] == plain.usage_metadata["total_tokens"]


def test_streaming_false_asks_for_whole_answers(make_model: MakeModel, sandbox: Sandbox) -> None:
    assert len(list(make_model(streaming=False).stream("Olá"))) == 1
    assert "stream" not in sent(sandbox)


def test_content_blocks_of_v1_go_back_and_forth(make_model: MakeModel) -> None:
    model = make_model(output_version="v1")
    first, *rest = model.stream("Olá")
    for answer in (model.invoke("Olá"), first + rest):
        assert [block["type"] for block in answer.content] == ["text"]
        assert model.invoke([HumanMessage("Olá"), answer, HumanMessage("E agora?")]).text


def test_batch_keeps_the_order(make_model: MakeModel) -> None:
    prompts = [f"Diga {number}" for number in range(8)]
    model = make_model()
    assert [answer.text for answer in model.batch(prompts)] == [model.invoke(p).text for p in prompts]
    whole = asyncio.run(model.abatch(prompts, {"max_concurrency": 3}))
    assert [answer.text for answer in whole] == [model.invoke(p).text for p in prompts]


def test_generate_adds_up_what_its_calls_used(make_model: MakeModel) -> None:
    result = make_model().generate([[HumanMessage("Olá")], [HumanMessage("Olá")]])
    used = [generations[0].message.usage_metadata["total_tokens"] for generations in result.generations]
    assert result.llm_output["token_usage"]["total_tokens"] == sum(used)
    assert result.llm_output["model_name"] == "sabia-4"


def test_usage_callback_counts_each_call_once(make_model: MakeModel) -> None:
    callback = UsageMetadataCallbackHandler()
    model = make_model(callbacks=[callback])
    answer = model.invoke("Olá")
    list(model.stream("Olá"))
    counted = callback.usage_metadata["sabia-4"]
    assert counted["output_tokens"] == 2 * answer.usage_metadata["output_tokens"]


# Loops, threads, abandoned streams


def test_blocking_calls_work_inside_a_running_loop(make_model: MakeModel) -> None:
    model = make_model()

    async def main() -> list[str]:
        return [model.invoke("Olá").text, "".join(piece.text for piece in model.stream("Olá"))]

    first, second = asyncio.run(main())
    assert first == second


def test_one_model_works_in_loops_one_after_another_and_at_once(make_model: MakeModel) -> None:
    model = make_model()

    async def main() -> list[str]:
        answers = await asyncio.gather(*(model.ainvoke("Olá") for _ in range(5)))
        return [answer.text for answer in answers]

    texts = asyncio.run(main()) + asyncio.run(main())
    with ThreadPoolExecutor(4) as pool:
        for found in [pool.submit(asyncio.run, main()) for _ in range(4)]:
            texts += found.result()
        texts += [found.text for found in pool.map(model.invoke, ["Olá"] * 8)]
    assert len(texts) == 38
    assert set(texts) == {texts[0]}


def test_models_with_equal_settings_share_their_connections(make_model: MakeModel, sandbox: Sandbox) -> None:
    async def main() -> None:
        for temperature in (0, 0.5, 1):
            await make_model(temperature=temperature).ainvoke("Olá")

    keep = make_model()
    asyncio.run(main())
    assert len({request.peer_port for request in sandbox.requests}) == 1
    assert keep.temperature is None


def test_clients_go_with_the_last_model_that_uses_them() -> None:
    model = ChatMaritaca(api_key=KEY, timeout=123)
    client = weakref.ref(model._asynchronous_client())
    del model
    gc.collect()
    assert client() is None


async def endless(exchange: Exchange) -> None:
    await exchange.begin_stream()
    await exchange.event(chunk("0 "))
    await exchange.until_client_leaves()


async def closed_soon(server: ScriptedServer) -> bool:
    for _ in range(60):
        if server.seen[-1].closed_at is not None:
            return True
        await asyncio.sleep(0.005)
    return False


async def test_async_stream_left_early_releases_its_connection() -> None:
    async with ScriptedServer((endless,)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)
        async for piece in model.astream("Olá"):
            assert piece.text == "0 "
            break
        gc.collect()
        assert await closed_soon(server)


async def test_cancelled_async_stream_releases_its_connection() -> None:
    async with ScriptedServer((endless,)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)

        async def read() -> None:
            async for _ in model.astream("Olá"):
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await closed_soon(server)


async def test_blocking_stream_left_early_releases_its_connection() -> None:
    async with ScriptedServer((endless,)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)

        def read() -> str:
            return next(model.stream("Olá")).text

        assert await asyncio.to_thread(read) == "0 "
        gc.collect()
        assert await closed_soon(server)


async def test_tokens_are_handed_out_as_they_arrive() -> None:
    arrived = asyncio.Event()

    async def waits(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("um"))
        await asyncio.wait_for(arrived.wait(), 5)
        await exchange.event(chunk("dois", finish="stop"))
        await exchange.event("[DONE]")
        await exchange.end_stream()

    async with ScriptedServer((waits,)) as server:
        texts = []
        async for piece in ChatMaritaca(api_key=KEY, base_url=server.base_url).astream("Olá"):
            texts.append(piece.text)
            arrived.set()
    assert texts == ["um", "dois", ""]


# Copies, keys, configuration


def test_key_is_in_no_dump(make_model: MakeModel) -> None:
    model = make_model(api_key=KEY)
    model.invoke("Olá")
    bound = model.bind_tools([{"type": "web_search"}])
    shown = [repr(model), str(model), repr(bound), dumps(model), str(dumpd(bound)), model.model_dump_json()]
    shown += [str(model.model_dump()), str(vars(model)), str(model._identifying_params), str(model.asdict())]
    shown += [str(model._get_ls_params()), model._get_llm_string()]
    assert all(KEY not in text for text in shown)
    assert KEY.encode() not in pickle.dumps(model)


def test_pickled_model_reads_its_key_from_the_environment(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(temperature=0.5, tools=[_SCHEMA])
    model.invoke("Olá")
    pickled = pickle.dumps(model)
    with pytest.raises(ConfigurationError, match="MARITACA_API_KEY"):
        pickle.loads(pickled).invoke("Olá")
    monkeypatch.setenv("MARITACA_API_KEY", KEY)
    other = pickle.loads(pickled)
    assert (other.temperature, other.tools) == (0.5, model.tools)
    assert other.maritaca_api_key.get_secret_value() == KEY
    assert other.invoke("Olá").text


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda model: model.model_copy(deep=True)])
def test_copies_work_and_keep_the_key(make_model: MakeModel, duplicate: Callable[..., ChatMaritaca]) -> None:
    model = make_model()
    text = model.invoke("Olá").text
    assert duplicate(model).invoke("Olá").text == text
    assert asyncio.run(duplicate(model).ainvoke("Olá")).text == text


def authorization(sandbox: Sandbox) -> str:
    return sandbox.requests[-1].headers["Authorization"]


def test_new_key_takes_effect_in_the_model_in_copies_and_in_configured_ones(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model(api_key="first")
    model.invoke("Olá")
    assert authorization(sandbox) == "Bearer first"
    secret = ChatMaritaca(api_key="second").maritaca_api_key
    model.model_copy(update={"maritaca_api_key": secret}).invoke("Olá")
    assert authorization(sandbox) == "Bearer second"
    configurable = model.configurable_fields(maritaca_api_key=ConfigurableField(id="key"))
    configurable.with_config(configurable={"key": "third"}).invoke("Olá")
    assert authorization(sandbox) == "Bearer third"
    configurable.invoke("Olá")
    assert authorization(sandbox) == "Bearer first"
    model.maritaca_api_key = secret
    model.invoke("Olá")
    assert authorization(sandbox) == "Bearer second"


def test_new_url_takes_effect_in_configured_models(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model(base_url="http://127.0.0.1:1/api")
    configurable = model.configurable_fields(maritaca_api_base=ConfigurableField(id="url"))
    assert configurable.with_config(configurable={"url": sandbox.base_url}).invoke("Olá").text


def test_configured_model_still_streams(make_model: MakeModel, sandbox: Sandbox) -> None:
    configurable = make_model().configurable_fields(temperature=ConfigurableField(id="t"))
    assert len(list(configurable.with_config(configurable={"t": 0.3}).stream("Olá"))) > 1
    assert sent(sandbox)["temperature"] == 0.3


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_dumped_model_loads_again(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", KEY)
    model = make_model(api_key=KEY, temperature=0.5, stop=["fim"])
    loaded = load(
        dumpd(model),
        allowed_objects=[ChatMaritaca],
        valid_namespaces=["langchain_maritaca"],
        secrets_from_env=True,
    )
    assert loaded == model


def test_cache_key_follows_every_change(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model(cache=InMemoryCache())
    model.invoke("Olá")
    model.invoke("Olá")
    assert len(sandbox.requests) == 1
    model.temperature = 0.5
    model.invoke("Olá")
    assert len(sandbox.requests) == 2
    model.model_copy(update={"temperature": 1.0}).invoke("Olá")
    model.model_copy(update={"tools": [{"type": "function", "function": _FUNCTION}]}).invoke("Olá")
    assert len(sandbox.requests) == 4


_FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}


def test_own_clients_are_used_and_survive_configuration(sandbox: Sandbox) -> None:
    blocking = Maritaca("own", base_url=sandbox.base_url)
    asynchronous = AsyncMaritaca("own-too", base_url=sandbox.base_url)
    model = ChatMaritaca(client=blocking, async_client=asynchronous)
    model.invoke("Olá")
    assert authorization(sandbox) == "Bearer own"
    asyncio.run(model.ainvoke("Olá"))
    assert authorization(sandbox) == "Bearer own-too"
    configurable = model.configurable_fields(
        temperature=ConfigurableField(id="t"), maritaca_api_key=ConfigurableField(id="key")
    )
    configurable.with_config(configurable={"t": 0.5}).invoke("Olá")
    assert authorization(sandbox) == "Bearer own"
    with pytest.raises(ValidationError, match="leave out api_key"):
        configurable.with_config(configurable={"key": "other"}).invoke("Olá")


def test_own_client_survives_pickling_without_its_key(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(ChatMaritaca(client=Maritaca("own-key", base_url=sandbox.base_url)))
    assert b"own-key" not in pickled
    monkeypatch.setenv("MARITACA_API_KEY", "key-over-there")
    other = pickle.loads(pickled)
    other.invoke("Olá")
    assert authorization(sandbox) == "Bearer key-over-there"
    assert other.maritaca_api_key is None


def test_own_client_of_one_kind_serves_calls_of_that_kind(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", "unused")
    blocking = ChatMaritaca(client=Maritaca("own", base_url=sandbox.base_url))
    asynchronous = ChatMaritaca(async_client=AsyncMaritaca("own", base_url=sandbox.base_url))
    assert blocking.invoke("Olá").text == asyncio.run(asynchronous.ainvoke("Olá")).text
    with pytest.raises(ConfigurationError, match="async_client"):
        asyncio.run(blocking.ainvoke("Olá"))
    with pytest.raises(ConfigurationError, match="client"):
        asynchronous.invoke("Olá")


# Tracing


class Tracer(BaseCallbackHandler):
    def __init__(self) -> None:
        self.started: dict[str, Any] = {}
        self.tokens: list[str] = []

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, **kwargs: Any) -> None:
        self.started = {"serialized": serialized, **kwargs}

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.tokens.append(token)


def test_traces_know_the_model_its_parameters_and_its_version(make_model: MakeModel) -> None:
    tracer = Tracer()
    make_model(temperature=0.5, max_tokens=9, stop="fim", callbacks=[tracer]).invoke(
        "Olá", model="sabiazinho-4"
    )
    metadata, params = tracer.started["metadata"], tracer.started["invocation_params"]
    assert metadata["ls_provider"] == "maritaca"
    assert metadata["ls_model_name"] == "sabiazinho-4"
    assert (metadata["ls_temperature"], metadata["ls_max_tokens"], metadata["ls_stop"]) == (0.5, 9, ["fim"])
    assert metadata["lc_versions"]["maritaca-async"] == maritaca_async.__version__
    assert (params["_type"], params["model"], params["stop"]) == ("maritaca-chat", "sabiazinho-4", "fim")
    assert tracer.started["serialized"]["kwargs"]["maritaca_api_key"]["type"] == "secret"


def test_each_token_is_reported_once(make_model: MakeModel) -> None:
    tracer = Tracer()
    text = "".join(piece.text for piece in make_model(callbacks=[tracer]).stream("Olá"))
    assert "".join(tracer.tokens) == text


def test_provider_of_traces_and_messages_is_the_same(make_model: MakeModel) -> None:
    model = make_model()
    provider = model.invoke("Olá").response_metadata["model_provider"]
    assert provider == model._get_ls_params()["ls_provider"]


def test_rate_limiter_of_langchain_is_honoured(make_model: MakeModel) -> None:
    limiter = InMemoryRateLimiter(requests_per_second=20, check_every_n_seconds=0.005, max_bucket_size=1)
    model = make_model(rate_limiter=limiter)
    started = time.monotonic()
    for _ in range(3):
        model.invoke("Olá")
    assert time.monotonic() - started > 0.1


def test_hooks_have_the_signatures_that_langchain_looks_for() -> None:
    for name in ("_generate", "_agenerate", "_stream", "_astream"):
        parameters = inspect.signature(getattr(ChatMaritaca, name)).parameters
        assert list(parameters) == ["self", "messages", "stop", "run_manager", "kwargs"]


def test_type_checkers_are_told_of_every_field_by_each_of_its_names() -> None:
    tree = ast.parse(inspect.getsource(chat_models))
    (init,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    assert {each.arg for each in init.args.kwonlyargs} == get_pydantic_field_names(ChatMaritaca)
