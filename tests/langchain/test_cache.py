"""LangChain's cache: an answer is found again by the same question to the same model, and by no other."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core._api import LangChainBetaWarning
from langchain_core.caches import RETURN_VAL_TYPE, BaseCache, InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.load import dumps, loads
from langchain_core.outputs import ChatGeneration
from langchain_core.rate_limiters import InMemoryRateLimiter

from langchain_maritaca import ChatMaritaca
from maritaca_async import Maritaca, Timeouts
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]

TOOL = {
    "type": "function",
    "function": {"name": "somar", "description": "Soma.", "parameters": {"type": "object", "properties": {}}},
}
OTHER_TOOL = {**TOOL, "function": {**TOOL["function"], "description": "Soma tudo."}}

CHANGES_THE_ANSWER: dict[str, tuple[Any, Any]] = {
    "model_name": ("sabia-4", "sabiazinho-4"),
    "temperature": (0.1, 0.2),
    "max_tokens": (10, 20),
    "top_p": (0.5, 0.6),
    "stop": (["a"], ["b"]),
    "frequency_penalty": (0.1, 0.2),
    "presence_penalty": (0.1, 0.2),
    "service_tier": (None, "flex"),
    "web_search": (None, True),
    "code_execution": (None, True),
    "data_ocean": (None, True),
    "extraction_effort": ("medium", "advanced"),
    "tools": ([TOOL], [OTHER_TOOL]),
    "model_kwargs": ({"seed": 1}, {"seed": 2}),
    "maritaca_api_base": ("http://a.example/api", "http://b.example/api"),
    "max_context_tokens": (1000, 2000),
    "auto_truncate": (False, True),
    "output_version": ("v0", "v1"),
    "stream_usage": (True, False),
}
"""Two values of each field between which an answer may differ."""

KEEPS_THE_ANSWER: dict[str, tuple[Any, Any]] = {
    "maritaca_api_key": ("one", "two"),
    "request_timeout": (10, Timeouts(connect=5)),
    "max_retries": (0, 5),
    "retry_if_rate_limited": (True, False),
    "retry_delay": (0.1, 0.2),
    "retry_max_delay": (10, 20),
    "retry_multiplier": (2, 3),
    "callbacks": ([], [BaseCallbackHandler()]),
    "tags": (["a"], ["b"]),
    "metadata": ({"a": 1}, {"a": 2}),
    "verbose": (False, True),
    "name": ("um", "dois"),
    "streaming": (None, True),
    "disable_streaming": (False, True),
    "rate_limiter": (None, InMemoryRateLimiter()),
    "context_warning_threshold": (0.5, 0.6),
}
"""Two values of each field that make no difference to what is asked."""

ELSEWHERE = {"cache", "client", "async_client", "n", "tool_choice", "profile", "custom_get_token_ids"}
"""Fields of neither kind, or with tests of their own."""


def key_of(model: ChatMaritaca, /, **call: Any) -> str:
    return model._get_llm_string(**call)


def a_model(**fields: Any) -> ChatMaritaca:
    return ChatMaritaca(**{"api_key": "k", "base_url": "http://localhost/api", **fields})


def with_value(name: str, value: Any) -> ChatMaritaca:
    rest = {"maritaca_api_key": "k", "maritaca_api_base": "http://localhost/api"}
    return ChatMaritaca(**{**rest, name: value})


def test_every_field_is_known_to_these_tests() -> None:
    known = CHANGES_THE_ANSWER.keys() | KEEPS_THE_ANSWER.keys() | ELSEWHERE
    assert ChatMaritaca.model_fields.keys() - known == set()


@pytest.mark.parametrize("name", CHANGES_THE_ANSWER)
def test_key_of_the_cache_follows_what_changes_the_answer(name: str) -> None:
    first, second = (with_value(name, value) for value in CHANGES_THE_ANSWER[name])
    assert key_of(first) != key_of(second)


@pytest.mark.parametrize("name", KEEPS_THE_ANSWER)
def test_key_of_the_cache_does_not_follow_the_rest(name: str) -> None:
    first, second = (with_value(name, value) for value in KEEPS_THE_ANSWER[name])
    assert key_of(first) == key_of(second)


def test_key_of_the_cache_follows_number_and_choice() -> None:
    assert key_of(a_model()) != key_of(a_model(n=2))
    assert key_of(a_model(tools=[TOOL])) != key_of(a_model(tools=[TOOL], tool_choice="any"))


@pytest.mark.parametrize("change", ["assign", "copy"])
@pytest.mark.parametrize("name", CHANGES_THE_ANSWER)
def test_key_of_the_cache_follows_changes_after_the_first_call(name: str, change: str) -> None:
    first, second = CHANGES_THE_ANSWER[name]
    model = with_value(name, first)
    before = key_of(model)
    if change == "assign":
        setattr(model, name, second)
    else:
        model = model.model_copy(update={name: second})
    assert key_of(model) != before
    assert key_of(model) == key_of(with_value(name, second))


calls = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.0, 0.5]),
        "max_tokens": st.sampled_from([5, 6]),
        "stop": st.sampled_from([["a"], ["b"]]),
        "tools": st.sampled_from([[TOOL], [OTHER_TOOL]]),
        "tool_choice": st.sampled_from(["auto", "required"]),
        "response_format": st.sampled_from([{"type": "json_object"}, {"type": "text"}]),
        "model": st.sampled_from(["sabia-4", "sabiazinho-4"]),
        "seed": st.sampled_from([1, 2]),
    },
)


@settings(suppress_health_check=[HealthCheck.differing_executors])
@given(first=calls, second=calls)
def test_key_of_the_cache_follows_the_parameters_of_the_call(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    model = a_model()
    assert (key_of(model, **first) == key_of(model, **second)) is (first == second)


def test_key_of_the_cache_follows_the_url_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = set()
    for url in (None, "http://a.example/api", "http://b.example/api"):
        if url:
            monkeypatch.setenv("MARITACA_API_BASE", url)
        keys.add(key_of(ChatMaritaca(api_key="k")))
    assert len(keys) == 3


def test_key_of_the_cache_follows_the_url_of_a_client_of_ones_own() -> None:
    here, there = (
        ChatMaritaca(client=Maritaca("k", base_url=url))
        for url in ("http://localhost/a", "http://localhost/b")
    )
    assert key_of(here) != key_of(there)


@pytest.mark.parametrize(
    "option", [{"timeout": 3.0}, {"max_retries": 0}, {"extra_headers": {"X-A": "1"}}], ids=str
)
def test_key_of_the_cache_does_not_follow_how_a_call_is_made(option: dict[str, Any]) -> None:
    assert key_of(a_model(), **option) == key_of(a_model())


def test_key_of_the_cache_is_the_same_in_another_model_of_the_same_making() -> None:
    assert key_of(a_model(temperature=0.1)) == key_of(a_model(temperature=0.1))


def test_model_that_cannot_be_dumped_has_a_key_of_the_cache() -> None:
    class Private(ChatMaritaca):
        @classmethod
        def is_lc_serializable(cls) -> bool:
            return False

    fields = {"api_key": "sk-canary", "base_url": "http://localhost/api"}
    assert key_of(Private(**fields)) != key_of(Private(**fields, temperature=0.1))
    assert "sk-canary" not in key_of(Private(**fields))


def test_key_of_the_service_is_in_no_key_of_the_cache() -> None:
    model = a_model(api_key="sk-canary")
    assert "sk-canary" not in key_of(model)
    assert "sk-canary" not in key_of(model, temperature=0.1)


# Real caches


class SQLiteCache(BaseCache):
    """A cache on disk, as applications have them: answers are stored as LangChain's JSON."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as database:
            database.execute(
                "create table if not exists answers (prompt, llm, answer, primary key (prompt, llm))"
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path)

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        database = self._open()
        found = database.execute("select answer from answers where prompt=? and llm=?", (prompt, llm_string))
        row = found.fetchone()
        database.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LangChainBetaWarning)
            return row and [loads(one, allowed_objects="all") for one in json.loads(row[0])]

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        stored = json.dumps([dumps(one) for one in return_val])
        database = self._open()
        with database:
            database.execute("insert or replace into answers values (?, ?, ?)", (prompt, llm_string, stored))
        database.close()

    def clear(self, **_: Any) -> None:
        self.path.unlink()


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> BaseCache:
    return InMemoryCache() if request.param == "memory" else SQLiteCache(tmp_path / "answers.db")


def test_second_answer_comes_from_the_cache(
    make_model: MakeModel, sandbox: Sandbox, cache: BaseCache
) -> None:
    first = make_model(cache=cache).invoke("Oi")
    second = make_model(cache=cache).invoke("Oi")
    assert asyncio.run(make_model(cache=cache).ainvoke("Oi")).text == first.text
    assert len(sandbox.requests) == 1
    assert (second.content, second.response_metadata) == (first.content, first.response_metadata)
    assert isinstance(second, type(first))


def test_cached_answer_survives_a_change_of_key_and_retries(
    make_model: MakeModel, sandbox: Sandbox, cache: BaseCache
) -> None:
    make_model(cache=cache).invoke("Oi")
    make_model(cache=cache, api_key="another", max_retries=7, timeout=5).invoke("Oi")
    assert len(sandbox.requests) == 1
    make_model(cache=cache, temperature=0.3).invoke("Oi")
    make_model(cache=cache).invoke("Oi", temperature=0.3)
    make_model(cache=cache).invoke("Olá")
    assert len(sandbox.requests) == 4


def test_tool_calls_survive_the_cache(make_model: MakeModel, sandbox: Sandbox, cache: BaseCache) -> None:
    def somar(a: int, b: int) -> int:
        """Soma dois números."""
        return a + b

    found = [make_model(cache=cache).bind_tools([somar]).invoke("Quanto é 2 + 3?") for _ in range(2)]
    assert found[0].tool_calls
    assert found[0].tool_calls == found[1].tool_calls
    assert len(sandbox.requests) == 1


def test_cache_of_the_whole_process_is_used(make_model: MakeModel, sandbox: Sandbox) -> None:
    set_llm_cache(InMemoryCache())
    try:
        for _ in range(2):
            make_model().invoke("Oi")
        make_model(cache=False).invoke("Oi")
    finally:
        set_llm_cache(None)
    assert len(sandbox.requests) == 2


def test_errors_are_not_cached(make_model: MakeModel, sandbox: Sandbox, cache: BaseCache) -> None:
    sandbox.fail_next(status=503)
    model = make_model(cache=cache, max_retries=0)
    with pytest.raises(Exception, match="503"):
        model.invoke("Oi")
    assert model.invoke("Oi").text
    assert isinstance(ChatGeneration(message=model.invoke("Oi")), ChatGeneration)
    assert len(sandbox.requests) == 2
