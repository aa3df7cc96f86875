"""Models, chains and messages on their way through JSON, pickles, processes and traces; the key stays here."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps, load, loads
from langchain_core.messages import AIMessage, messages_from_dict, messages_to_dict
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from pydantic import BaseModel, SecretStr

from langchain_maritaca import ChatMaritaca, ChatMaritacaBadRequestError
from maritaca_async.sandbox import Fault, Sandbox

MakeModel = Callable[..., ChatMaritaca]
KEY = "sk-canary-9f8e7d6c5b4a"
OURS: dict[str, Any] = {"allowed_objects": [ChatMaritaca], "valid_namespaces": ["langchain_maritaca"]}

pytestmark = pytest.mark.filterwarnings("ignore:The function `loads?` is in beta")


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str
    idade: int


def somar(a: int, b: int) -> int:
    """Soma dois números."""
    return a + b


@pytest.fixture
def canary(make_model: MakeModel) -> ChatMaritaca:
    """A model whose key would be recognised anywhere."""
    return make_model(api_key=KEY, temperature=0.5, stop=["fim"], max_retries=0, model_kwargs={"seed": 1})


@pytest.fixture
def key_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", KEY)


# LangChain's JSON


@pytest.mark.parametrize("through", ["dumpd", "dumps"])
@pytest.mark.parametrize("secret", ["map", "environment"])
def test_model_comes_back_from_its_dump(
    canary: ChatMaritaca, monkeypatch: pytest.MonkeyPatch, through: str, secret: str
) -> None:
    options: dict[str, Any] = {**OURS, "secrets_map": {"MARITACA_API_KEY": KEY}}
    if secret == "environment":
        monkeypatch.setenv("MARITACA_API_KEY", KEY)
        options = {**OURS, "secrets_from_env": True}
    back = load(dumpd(canary), **options) if through == "dumpd" else loads(dumps(canary), **options)
    assert back == canary
    assert back.maritaca_api_key.get_secret_value() == KEY
    assert back.invoke("Oi").text


def test_every_field_that_was_set_comes_back(canary: ChatMaritaca) -> None:
    fields = {
        "model": "sabiazinho-4",
        "top_p": 0.5,
        "max_tokens": 50,
        "tools": [somar],
        "tool_choice": "auto",
        "service_tier": "flex",
        "streaming": True,
        "stream_usage": False,
        "retry_max_delay": 3.0,
        "tags": ["a"],
    }
    model = canary.model_copy(
        update=ChatMaritaca(api_key=KEY, **fields).model_dump(include={*fields, "model_name"})
    )
    back = load(dumpd(model), **OURS, secrets_map={"MARITACA_API_KEY": KEY})
    for name in (*fields.keys() - {"model", "tags"}, "model_name", "model_kwargs", "stop", "temperature"):
        assert getattr(back, name) == getattr(model, name), name


def test_chain_with_the_model_comes_back_from_its_dump(canary: ChatMaritaca) -> None:
    chain = ChatPromptTemplate.from_template("Conte até {n}") | canary.bind(top_p=0.5) | StrOutputParser()
    text = dumps(chain)
    assert KEY not in text
    allowed = {
        "allowed_objects": [ChatMaritaca, *_classes_of(chain)],
        "valid_namespaces": ["langchain_maritaca"],
    }
    back = loads(text, **allowed, secrets_map={"MARITACA_API_KEY": KEY})
    assert back.invoke({"n": 3}) == chain.invoke({"n": 3})


def _classes_of(chain: Any) -> set[type]:
    prompt, bound, parser = chain.steps
    return {
        type(chain),
        type(prompt),
        type(prompt.messages[0]),
        type(prompt.messages[0].prompt),
        type(bound),
        type(parser),
    }


def test_dump_without_a_key_says_what_is_missing(canary: ChatMaritaca) -> None:
    with pytest.raises(Exception, match="MARITACA_API_KEY"):
        load(dumpd(canary), **OURS)


@pytest.mark.parametrize("stream", [False, True])
def test_messages_come_back_from_json(make_model: MakeModel, stream: bool) -> None:
    model = make_model(model="sabia-4-thinking", streaming=stream).bind_tools([somar])
    for prompt in ("Quanto é 2 + 3?", "Oi"):
        message = model.invoke(prompt)
        assert messages_from_dict(json.loads(json.dumps(messages_to_dict([message])))) == [message]
        assert loads(dumps(message), allowed_objects="all") == message
        assert AIMessage.model_validate_json(message.model_dump_json()) == message
        assert pickle.loads(pickle.dumps(message)) == message
        assert copy.deepcopy(message) == message


def test_chunks_come_back_from_pickles_and_json(make_model: MakeModel) -> None:
    first, *rest = pieces = list(make_model().bind_tools([somar]).stream("Quanto é 2 + 3?"))
    assert [pickle.loads(pickle.dumps(piece)) for piece in pieces] == pieces
    assert copy.deepcopy(pieces) == pieces
    loaded_first, *loaded_rest = (loads(dumps(piece), allowed_objects="all") for piece in pieces)
    assert loaded_first + loaded_rest == first + rest


# Pickles, copies, processes


def runnables(model: ChatMaritaca) -> dict[str, Runnable[Any, Any]]:
    return {
        "model": model,
        "bound": model.bind(top_p=0.5),
        "tools": model.bind_tools([somar]),
        "chain": ChatPromptTemplate.from_template("{text}") | model | StrOutputParser(),
        "json_schema": model.with_structured_output(Pessoa),
        "function_calling": model.with_structured_output(Pessoa, method="function_calling"),
        "json_mode": model.with_structured_output(method="json_mode"),
        "fallbacks": model.with_fallbacks([model]),
        "retry": model.with_retry(),
    }


KINDS = list(runnables(ChatMaritaca(api_key="k")))


def ask(runnable: Any, kind: str) -> Any:
    prompt = "Responda em JSON. Ana Souza tem 30 anos. Quanto é 2 + 3?"
    return runnable.invoke({"text": prompt} if kind == "chain" else prompt)


def comparable(found: Any) -> Any:
    return (
        (found.content, [made["args"] for made in found.tool_calls])
        if isinstance(found, AIMessage)
        else found
    )


@pytest.mark.usefixtures("key_in_environment")
@pytest.mark.parametrize("kind", KINDS)
def test_runnable_comes_back_from_a_pickle_without_its_key(canary: ChatMaritaca, kind: str) -> None:
    runnable = runnables(canary)[kind]
    found = comparable(ask(runnable, kind))
    pickled = pickle.dumps(runnable)
    assert KEY.encode() not in pickled
    assert comparable(ask(pickle.loads(pickled), kind)) == found
    assert comparable(ask(copy.deepcopy(runnable), kind)) == found


@pytest.mark.usefixtures("key_in_environment")
def test_chain_of_functions_comes_back_from_cloudpickle(canary: ChatMaritaca) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    chain = RunnableLambda(lambda n: f"Conte até {n}") | canary | RunnableLambda(lambda message: message.text)
    pickled = cloudpickle.dumps(chain)
    assert KEY.encode() not in pickled
    assert pickle.loads(pickled).invoke(3) == "1 2 3"


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("key_in_environment")
def test_model_works_in_processes_that_were_spawned(canary: ChatMaritaca) -> None:
    canary.invoke("Oi")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        work = [canary.invoke, canary.bind(temperature=0).invoke, (canary | StrOutputParser()).invoke]
        jobs = [pool.submit(job, "Conte até 3") for job in work]
        message, bound, text = (job.result(timeout=50) for job in jobs)
    assert message.text == bound.text == text == "1 2 3"


def test_error_comes_back_from_a_process_as_what_it_was(canary: ChatMaritaca, sandbox: Sandbox) -> None:
    sandbox.fail_next(status=400, body={"detail": "não deu"})
    with pytest.raises(ChatMaritacaBadRequestError) as caught:
        canary.invoke("Oi")
    back = pickle.loads(pickle.dumps(caught.value))
    assert type(back) is ChatMaritacaBadRequestError
    assert (back.status_code, str(back)) == (400, str(caught.value))


# The key is in no trace


class Collector(BaseCallbackHandler):
    """Keeps everything that LangChain tells its callbacks."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)

        def keep(*args: Any, **kwargs: Any) -> None:
            self.told.append((name, args, kwargs))

        return keep


class Runs(BaseTracer):
    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.runs.append(run)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, by anybody, at any level."""
    written, root = io.StringIO(), logging.getLogger()
    handler, names = (
        logging.StreamHandler(written),
        ("maritaca_async", "langchain_maritaca", "asyncio", "aiohttp"),
    )
    loggers = [root, *map(logging.getLogger, names)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def everything_in(value: Any) -> str:
    """As much of a value as can be shown."""
    shown = [repr(value), str(value)]
    if isinstance(value, BaseModel):
        shown.append(value.model_dump_json(fallback=repr))
    return "\n".join([*shown, json.dumps(dumpd(value), default=repr)])


@pytest.mark.parametrize("stream", [False, True])
def test_key_is_in_nothing_that_callbacks_tracers_and_logs_get(
    canary: ChatMaritaca, sandbox: Sandbox, log: io.StringIO, stream: bool
) -> None:
    collector, tracer = Collector(), Runs()
    config: Any = {"callbacks": [collector, tracer], "metadata": {"a": 1}}
    for kind, runnable in runnables(canary).items():
        given = {"text": "Oi"} if kind == "chain" else "Responda em JSON. Ana Souza tem 30 anos."
        if stream:
            list(runnable.stream(given, config))
        else:
            runnable.invoke(given, config)
    asyncio.run(canary.ainvoke("Oi", config))
    sandbox.inject(Fault(status=401), Fault(kind="close", after_events=2), Fault(kind="malformed"))
    for _ in range(3):
        with pytest.raises(Exception, match=".") as caught:
            list(canary.stream("Oi", config))
        chain = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert KEY not in "".join(chain.format())
    names = {name for name, *_ in collector.told}
    assert {"on_chat_model_start", "on_llm_end", "on_llm_error"} <= names
    assert KEY not in "".join(map(everything_in, collector.told))
    assert tracer.runs
    assert KEY not in "".join(map(everything_in, tracer.runs))
    assert "POST" in log.getvalue() or "chat/completions" in log.getvalue()
    assert KEY not in log.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_key_is_in_nothing_that_is_shown_or_dumped(canary: ChatMaritaca, kind: str) -> None:
    runnable = runnables(canary)[kind]
    ask(runnable, kind)
    assert KEY not in everything_in(runnable)
    assert KEY not in json.dumps(runnable.get_graph().to_json(with_schemas=True), default=repr)
    assert KEY not in str(vars(canary)) + str(canary._get_ls_params()) + canary._get_llm_string()


def test_traces_name_provider_model_and_parameters(canary: ChatMaritaca) -> None:
    tracer = Runs()
    canary.bind(model="sabiazinho-4", temperature=0.1, max_tokens=7, stop=["x"]).invoke(
        "Oi", config={"callbacks": [tracer]}
    )
    (run,) = tracer.runs
    assert run.metadata["ls_provider"] == "maritaca"
    assert run.metadata["ls_model_name"] == "sabiazinho-4"
    assert (run.metadata["ls_temperature"], run.metadata["ls_max_tokens"]) == (0.1, 7)
    assert run.metadata["ls_stop"] == ["x"]
    assert run.metadata["ls_model_type"] == "chat"
    invoked = (run.extra or {})["invocation_params"]
    assert (invoked["model"], invoked["temperature"], invoked["seed"]) == ("sabiazinho-4", 0.1, 1)
    assert run.serialized is not None
    assert run.serialized["kwargs"]["maritaca_api_key"] == {
        "lc": 1,
        "type": "secret",
        "id": ["MARITACA_API_KEY"],
    }


def test_secret_may_be_given_as_one(make_model: MakeModel, sandbox: Sandbox) -> None:
    make_model(api_key=SecretStr(KEY)).invoke("Oi")
    assert sandbox.requests[-1].headers["Authorization"] == f"Bearer {KEY}"
