"""Whoever comes from langchain-maritaca 0.4.1 finds every name again, and its documented uses work."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import Embeddings
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from pydantic import BaseModel, Field, model_validator

import langchain_maritaca
from langchain_maritaca import ChatMaritaca, chat_models
from maritaca_async.catalogue import MODELS
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]

MODULES = {
    "langchain_maritaca": (
        "ChatMaritaca CombinedCallback CostTrackingCallback DeepInfraEmbeddings LatencyTrackingCallback "
        "TokenStreamingCallback __version__"
    ),
    "langchain_maritaca.callbacks": (
        "CombinedCallback CostTrackingCallback LatencyTrackingCallback TokenStreamingCallback"
    ),
    "langchain_maritaca.chat_models": (
        "CONTEXT_WARNING_THRESHOLD ChatMaritaca DEFAULT_CONTEXT_LIMIT HTTP_TOO_MANY_REQUESTS "
        "MODEL_CONTEXT_LIMITS MODEL_SPECS logger"
    ),
    "langchain_maritaca.embeddings": "DEFAULT_API_BASE DEFAULT_MODEL DeepInfraEmbeddings",
    "langchain_maritaca.version": "__version__",
}
"""All that each module of 0.4.1 defines without an underscore, the names it only imports left aside."""

ARGUMENTS = {
    "ChatMaritaca": (
        "client async_client model_name model temperature max_tokens top_p stop stop_sequences "
        "frequency_penalty presence_penalty maritaca_api_key api_key maritaca_api_base base_url "
        "request_timeout timeout max_retries retry_if_rate_limited retry_delay retry_max_delay "
        "retry_multiplier streaming n max_context_tokens auto_truncate context_warning_threshold tools "
        "tool_choice callbacks tags metadata verbose cache rate_limiter disable_streaming name"
    ),
    "DeepInfraEmbeddings": (
        "client async_client model deepinfra_api_key api_key deepinfra_api_base base_url request_timeout "
        "timeout max_retries batch_size"
    ),
    "CostTrackingCallback": "",
    "LatencyTrackingCallback": "",
    "TokenStreamingCallback": "",
    "CombinedCallback": "",
}
"""Arguments of each constructor; those of a pydantic class are fields or their aliases."""

METHODS = {
    "ChatMaritaca.bind_tools": "tools tool_choice",
    "ChatMaritaca.with_structured_output": "schema method include_raw",
    "ChatMaritaca.get_num_tokens": "text",
    "ChatMaritaca.get_num_tokens_from_messages": "messages tools",
    "ChatMaritaca.estimate_cost": "messages max_output_tokens",
    "ChatMaritaca.get_context_limit": "",
    "ChatMaritaca.check_context_usage": "messages warn",
    "ChatMaritaca.truncate_messages": "messages max_tokens preserve_system preserve_recent",
    "ChatMaritaca.list_available_models": "",
    "ChatMaritaca.recommend_model": "task_complexity input_length priority",
    "ChatMaritaca.abatch_with_concurrency": "inputs max_concurrency stop return_exceptions",
    "ChatMaritaca.batch_with_progress": "inputs max_concurrency stop callback",
    "ChatMaritaca.abatch_estimate_cost": "inputs max_output_tokens",
    "ChatMaritaca.is_lc_serializable": "",
    "ChatMaritaca.validate_environment": "",
    "DeepInfraEmbeddings.validate_environment": "",
    "DeepInfraEmbeddings.embed_documents": "texts",
    "DeepInfraEmbeddings.embed_query": "text",
    "DeepInfraEmbeddings.aembed_documents": "texts",
    "DeepInfraEmbeddings.aembed_query": "text",
    "CostTrackingCallback.get_summary": "",
    "CostTrackingCallback.reset": "",
    "LatencyTrackingCallback.get_summary": "",
    "LatencyTrackingCallback.reset": "",
    "TokenStreamingCallback.reset": "",
    "CombinedCallback.get_summary": "",
    "CombinedCallback.reset": "",
}
"""Methods and their arguments."""

ATTRIBUTES = {
    "CostTrackingCallback": "PRICING total_cost total_input_tokens total_output_tokens total_tokens call_count",
    "LatencyTrackingCallback": (
        "call_count latencies total_latency average_latency min_latency max_latency p50_latency p95_latency "
        "p99_latency"
    ),
    "TokenStreamingCallback": "token_count tokens elapsed_time tokens_per_second",
    "CombinedCallback": "cost latency",
}
"""Attributes that an instance has from the beginning."""


def missing(problems: list[str]) -> str:
    return "missing: " + ", ".join(problems) if problems else ""


def test_every_name_can_be_imported() -> None:
    absent = [
        f"{module}.{name}"
        for module, names in MODULES.items()
        for name in names.split()
        if find_spec(module) is None or not hasattr(importlib.import_module(module), name)
    ]
    assert not missing(absent)


def test_constants_say_what_the_catalogue_and_the_fields_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {model.id: model.context_tokens for model in MODELS} == chat_models.MODEL_CONTEXT_LIMITS
    assert ChatMaritaca.list_available_models() == chat_models.MODEL_SPECS
    assert chat_models.MODEL_SPECS.keys() == chat_models.MODEL_CONTEXT_LIMITS.keys()
    threshold = ChatMaritaca.model_fields["context_warning_threshold"].default
    assert threshold == chat_models.CONTEXT_WARNING_THRESHOLD
    assert ChatMaritaca(api_key="k", model="x").get_context_limit() == chat_models.DEFAULT_CONTEXT_LIMIT
    own = {**chat_models.MODEL_SPECS["sabia-4"], "description": "Afinado em casa"}
    monkeypatch.setitem(chat_models.MODEL_SPECS, "sabia-4-casa", own)
    assert ChatMaritaca.list_available_models()["sabia-4-casa"] == own


def test_constant_of_a_status_is_that_of_the_error(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.fail_next(status=chat_models.HTTP_TOO_MANY_REQUESTS)
    with pytest.raises(langchain_maritaca.ChatMaritacaRateLimitError) as caught:
        make_model(max_retries=0).invoke("Oi")
    assert caught.value.status_code == chat_models.HTTP_TOO_MANY_REQUESTS


@pytest.mark.parametrize("name", ARGUMENTS)
def test_constructor_takes_every_argument(name: str) -> None:
    kind = getattr(langchain_maritaca, name)
    if issubclass(kind, BaseModel):
        fields = kind.model_fields
        taken = {*fields, *(field.alias for field in fields.values() if field.alias)}
    else:
        taken = set(inspect.signature(kind).parameters)
        kind()
    assert not missing([argument for argument in ARGUMENTS[name].split() if argument not in taken])


@pytest.mark.parametrize("kind", [ChatMaritaca, langchain_maritaca.DeepInfraEmbeddings])
def test_subclass_may_look_at_its_environment_as_well(kind: Any) -> None:
    looked: list[object] = []

    class Own(kind):
        @model_validator(mode="after")
        def validate_environment(self) -> Any:
            looked.append(super().validate_environment())
            return self

    own = Own(api_key="chave")
    assert own in looked


@pytest.mark.parametrize("path", METHODS)
def test_method_takes_every_argument(path: str) -> None:
    holder, name = path.split(".")
    method = getattr(getattr(langchain_maritaca, holder), name)
    taken = inspect.signature(method).parameters
    assert not missing([argument for argument in METHODS[path].split() if argument not in taken])
    asynchronous = name.startswith(("abatch", "aembed"))
    assert inspect.iscoroutinefunction(method) is asynchronous


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_callback_has_every_attribute(name: str) -> None:
    callback = getattr(langchain_maritaca, name)()
    assert isinstance(callback, BaseCallbackHandler)
    assert not missing(
        [attribute for attribute in ATTRIBUTES[name].split() if not hasattr(callback, attribute)]
    )


def test_model_has_what_langchain_and_users_read(make_model: MakeModel) -> None:
    model = make_model(model="sabia-4")
    assert (model.model_name, model.lc_secrets) == ("sabia-4", {"maritaca_api_key": "MARITACA_API_KEY"})
    assert ChatMaritaca.is_lc_serializable()
    assert model._llm_type == "maritaca-chat"


def test_constructor_arguments_of_the_old_defaults_still_work(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model = make_model(
        model="sabia-4",
        temperature=0.7,
        max_tokens=None,
        top_p=0.9,
        frequency_penalty=0.0,
        presence_penalty=0.0,
        timeout=60.0,
        max_retries=2,
        retry_if_rate_limited=True,
        retry_delay=1.0,
        retry_max_delay=60.0,
        retry_multiplier=2.0,
        streaming=False,
        n=1,
        max_context_tokens=None,
        auto_truncate=False,
        context_warning_threshold=0.9,
        tools=None,
        tool_choice=None,
    )
    assert model.invoke("Oi").text
    assert sandbox.requests[0].body["top_p"] == 0.9


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 2, "streaming": True}, {"retry_delay": -1.0}])
def test_arguments_that_were_refused_are_refused(make_model: MakeModel, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make_model(**wrong)


# The documented uses


def test_key_and_base_come_from_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", sandbox.api_key)
    monkeypatch.setenv("MARITACA_API_BASE", sandbox.base_url)
    answer = ChatMaritaca(model="sabia-4", temperature=0.7).invoke(
        [("system", "Responda em uma frase."), ("human", "Qual é a capital do Brasil?")]
    )
    assert "Brasília" in str(answer.content)
    assert answer.response_metadata["finish_reason"] == "stop"


def test_streaming_model_streams(make_model: MakeModel) -> None:
    pieces = [str(piece.content) for piece in make_model(streaming=True).stream("Conte uma história")]
    assert len(pieces) > 10


def test_asynchronous_calls_work_in_a_loop_of_their_own(make_model: MakeModel) -> None:
    assert asyncio.run(make_model().ainvoke("Quem é você?")).content


def test_prompt_and_model_make_a_chain(make_model: MakeModel) -> None:
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Você entende de {assunto}."), ("human", "{pergunta}")]
    )
    answer = (prompt | make_model()).invoke(
        {"assunto": "geografia", "pergunta": "Qual é a capital da França?"}
    )
    assert "Paris" in answer.text


def test_model_asks_for_a_bound_tool(make_model: MakeModel) -> None:
    @tool
    def consultar_tempo(cidade: str) -> str:
        """Diz como está o tempo em uma cidade."""
        return f"chuva em {cidade}"

    model = make_model()
    (made,) = model.bind_tools([consultar_tempo]).invoke("Como está o tempo em Recife?").tool_calls
    assert made["name"] == "consultar_tempo"
    choice = {"type": "function", "function": {"name": "consultar_tempo"}}
    for forced in ("required", choice):
        assert model.bind_tools([consultar_tempo], tool_choice=forced).invoke("Oi").tool_calls


class Pessoa(BaseModel):
    """Dados de uma pessoa."""

    nome: str = Field(description="Nome completo")
    idade: int = Field(description="Idade em anos")


@pytest.mark.parametrize("method", ["function_calling", "json_mode"])
@pytest.mark.parametrize("include_raw", [False, True])
def test_answers_are_objects(make_model: MakeModel, method: Any, include_raw: bool) -> None:
    asking = make_model().with_structured_output(Pessoa, method=method, include_raw=include_raw)
    found: Any = asking.invoke('Responda em JSON com as chaves "nome" e "idade"')
    if include_raw:
        assert found.keys() == {"raw", "parsed", "parsing_error"}
        assert isinstance(found["raw"], AIMessage)
        found = found["parsed"]
    assert isinstance(found, Pessoa)


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(
    "image",
    [
        {"type": "image", "url": "https://example.com/foto.jpg"},
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": "https://example.com/foto.jpg"}},
    ],
)
def test_images_may_be_sent(make_model: MakeModel, sandbox: Sandbox, image: dict[str, Any]) -> None:
    make_model(model="sabiazinho-4").invoke(
        [HumanMessage([{"type": "text", "text": "O que mostra a imagem?"}, image])]
    )
    assert sandbox.requests[0].body["messages"][0]["content"][1]["type"] == "image_url"


def test_second_answer_comes_from_the_cache(make_model: MakeModel, sandbox: Sandbox) -> None:
    set_llm_cache(InMemoryCache())
    try:
        assert make_model().invoke("Oi").text == make_model().invoke("Oi").text
    finally:
        set_llm_cache(None)
    assert len(sandbox.requests) == 1


def test_callbacks_watch_cost_and_latency(make_model: MakeModel) -> None:
    cost, latency = langchain_maritaca.CostTrackingCallback(), langchain_maritaca.LatencyTrackingCallback()
    model = make_model(model="sabia-4", callbacks=[cost, latency])
    for prompt in ("Oi", "Tudo bem?"):
        model.invoke(prompt)
    assert float(cost.total_cost) > 0
    assert cost.total_tokens == cost.total_input_tokens + cost.total_output_tokens > 0
    assert cost.call_count == latency.call_count == 2
    assert 0 < latency.min_latency <= latency.p50_latency <= latency.p95_latency <= latency.max_latency
    assert f"{cost.total_cost:.6f} {latency.average_latency:.2f}"
    summary = "total_cost total_input_tokens total_output_tokens total_tokens call_count average_cost_per_call calls"
    assert not missing([key for key in summary.split() if key not in cost.get_summary()])
    timing = (
        "call_count total_latency average_latency min_latency max_latency p50_latency p95_latency p99_latency"
    )
    assert not missing([key for key in timing.split() if key not in latency.get_summary()])
    cost.reset()
    latency.reset()
    assert (cost.total_tokens, latency.latencies) == (0, [])


def test_callbacks_combine(make_model: MakeModel) -> None:
    both = langchain_maritaca.CombinedCallback()
    make_model(model="sabia-4", callbacks=[both]).invoke("Oi")
    assert both.get_summary().keys() >= {"cost", "latency"}
    assert (both.cost.call_count, both.latency.call_count) == (1, 1)
    both.reset()
    assert both.cost.call_count == 0


def test_callback_counts_the_tokens_of_a_stream(make_model: MakeModel) -> None:
    watching = langchain_maritaca.TokenStreamingCallback()
    model = make_model(streaming=True, callbacks=[watching])
    text = "".join(str(piece.content) for piece in model.stream("Conte até 20"))
    assert "".join(watching.tokens) == text
    assert watching.token_count > 10
    assert watching.tokens_per_second > 0
    assert watching.elapsed_time > 0


TALK = [SystemMessage("Seja breve."), *(HumanMessage(f"Pergunta {number} " * 12) for number in range(10))]


def test_tokens_and_costs_are_known_before_the_call(make_model: MakeModel, sandbox: Sandbox) -> None:
    model = make_model(model="sabia-4")
    assert model.get_num_tokens("Olá, como você está?") > 0
    assert model.get_num_tokens_from_messages(TALK) > 100
    estimate: Any = model.estimate_cost(TALK, max_output_tokens=1000)
    keys = "input_tokens output_tokens input_cost output_cost total_cost model"
    assert not missing([key for key in keys.split() if key not in estimate])
    assert estimate["total_cost"] == pytest.approx(estimate["input_cost"] + estimate["output_cost"])
    batch: Any = asyncio.run(model.abatch_estimate_cost([TALK, TALK], max_output_tokens=10))
    keys = "total_requests total_input_tokens total_output_tokens total_input_cost total_output_cost total_cost model"
    assert not missing([key for key in keys.split() if key not in batch])
    assert batch["total_requests"] == 2
    assert sandbox.requests == []


def test_context_is_watched_and_kept(make_model: MakeModel, sandbox: Sandbox) -> None:
    assert make_model(model="sabia-4").get_context_limit() >= 32_000
    model = make_model(max_context_tokens=400)
    assert model.get_context_limit() == 400
    with pytest.warns(UserWarning, match="400"):
        usage: Any = model.check_context_usage(TALK)
    keys = "tokens limit usage_percent exceeds_limit exceeds_threshold"
    assert not missing([key for key in keys.split() if key not in usage])
    assert usage["exceeds_limit"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.check_context_usage(TALK, warn=False)
    shorter = model.truncate_messages(TALK, max_tokens=300, preserve_recent=2)
    assert shorter[0] == TALK[0]
    assert shorter[-2:] == TALK[-2:]
    assert len(shorter) < len(TALK)
    make_model(max_context_tokens=400, auto_truncate=True).invoke(TALK)
    assert len(sandbox.requests[0].body["messages"]) < len(TALK)


def test_models_are_listed_and_recommended() -> None:
    models: Any = ChatMaritaca.list_available_models()
    keys = "context_limit input_cost_per_1m output_cost_per_1m complexity speed capabilities description"
    for name in ("sabia-4", "sabiazinho-4"):
        assert not missing([f"{name}.{key}" for key in keys.split() if key not in models[name]])
    for complexity in ("simple", "medium", "complex"):
        for priority in ("cost", "speed", "quality"):
            found: Any = ChatMaritaca.recommend_model(task_complexity=complexity, priority=priority)  # type: ignore[arg-type]
            assert found.keys() >= {"model", "reason", "specs", "alternatives"}
    large: Any = ChatMaritaca.recommend_model(task_complexity="complex", input_length=60_000)
    assert large["specs"]["context_limit"] > 60_000


def test_batches_keep_their_concurrency_and_tell_their_progress(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    model, inputs = make_model(), [[HumanMessage(f"Conte até {number}")] for number in range(1, 9)]
    sandbox.configure(latency=0.01)
    found = asyncio.run(model.abatch_with_concurrency(inputs, max_concurrency=3))
    assert sandbox.max_in_flight <= 3
    assert all(isinstance(one, ChatResult) for one in found)
    assert [one.generations[0].text.split()[-1] for one in found if isinstance(one, ChatResult)] == list(
        "12345678"
    )
    told: list[tuple[int, int]] = []
    results = model.batch_with_progress(
        inputs, max_concurrency=2, callback=lambda done, total, _: told.append((done, total))
    )
    assert told == [(number, 8) for number in range(1, 9)]
    assert [one.generations[0].text.split()[-1] for one in results] == list("12345678")
    sandbox.fail_next(1, status=400)
    mixed = asyncio.run(model.abatch_with_concurrency(inputs, return_exceptions=True))
    assert sum(isinstance(one, Exception) for one in mixed) == 1


def test_embeddings_can_be_made_without_a_request() -> None:
    embeddings = langchain_maritaca.DeepInfraEmbeddings(api_key="k")
    assert isinstance(embeddings, Embeddings)
    assert embeddings.model == "intfloat/multilingual-e5-large"
    assert (embeddings.batch_size, embeddings.max_retries) == (32, 2)
