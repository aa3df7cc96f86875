"""Options are checked when they are made, with messages that name them."""

from __future__ import annotations

import math
import pickle
from dataclasses import asdict

import pytest

from maritaca_async import (
    AsyncMaritaca,
    ConfigurationError,
    HttpInfo,
    Limits,
    Maritaca,
    RetryPolicy,
    Timeouts,
)
from maritaca_async._core.options import resolve_retries, resolve_timeout

BAD_SECONDS = [0, -1, math.nan, math.inf, True, "3", [1]]


@pytest.mark.parametrize("bad", BAD_SECONDS)
@pytest.mark.parametrize("name", ["connect", "first_event", "idle", "deadline"])
def test_timeouts_refuse_what_is_no_time(name: str, bad: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"Timeouts\({name}\) must be a positive number of seconds"):
        Timeouts(**{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["max_connections", "max_body_bytes", "max_event_bytes"])
@pytest.mark.parametrize("bad", [0, -1, 1.5, True, None, "9"])
def test_limits_refuse_what_is_no_count(name: str, bad: object) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Limits(**{name: bad})  # type: ignore[arg-type]


def test_limits_refuse_a_keepalive_that_is_no_time() -> None:
    with pytest.raises(ConfigurationError, match="keepalive"):
        Limits(keepalive=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        {"max_retries": -1},
        {"max_retries": 1.0},
        {"max_retries": True},
        {"delay": -1},
        {"multiplier": 0.5},
        {"multiplier": math.nan},
        {"max_retry_after": None},
    ],
)
def test_retry_policy_refuses_what_cannot_work(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        RetryPolicy(**bad)  # type: ignore[arg-type]


def test_a_number_is_the_longest_wait_without_anything_new() -> None:
    assert resolve_timeout(30, stream=False) == Timeouts(connect=10, first_event=30, idle=30, deadline=30)
    assert resolve_timeout(30, stream=True) == Timeouts(connect=10, first_event=30, idle=30, deadline=None)
    assert resolve_timeout(600, stream=True) == Timeouts(connect=10, first_event=600, idle=120, deadline=None)
    assert resolve_timeout(2, stream=False).connect == 2


def test_none_switches_all_clocks_but_connecting_off() -> None:
    assert resolve_timeout(None, stream=True) == Timeouts(
        connect=10, first_event=None, idle=None, deadline=None
    )


def test_timeouts_are_taken_as_they_are() -> None:
    clocks = Timeouts(idle=5)
    assert resolve_timeout(clocks, stream=True) is clocks


def test_a_number_of_retries_keeps_the_rest_of_the_policy() -> None:
    base = RetryPolicy(max_retries=7, delay=3)
    assert resolve_retries(1, base) == RetryPolicy(max_retries=1, delay=3)
    assert resolve_retries(base) is base


BAD_KEYS = [
    (None, "no API key"),
    ("", "no API key"),
    ("  \n", "no API key"),
    (7, "must be a string"),
    ("sk canary", "position 3 of 9"),
    ("sk-\ncanary", "position 4"),
    ("sk-canarý", "position 9"),
    ("“sk-canary”", "position 1"),
    ("sk-canary\x00x", "position 10"),
]


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
@pytest.mark.parametrize(("key", "said"), BAD_KEYS)
def test_bad_key_is_refused_without_being_shown(kind: type, key: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        kind(key)
    assert "canary" not in str(caught.value)


def test_missing_key_names_the_variable_to_set() -> None:
    with pytest.raises(ConfigurationError, match="MARITACA_API_KEY"):
        AsyncMaritaca()


def test_key_and_base_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", " sk-env \n")
    monkeypatch.setenv("MARITACA_API_BASE", "http://127.0.0.1:1/api/")
    client = AsyncMaritaca()
    assert client.base_url == "http://127.0.0.1:1/api"
    assert str(client._api_key) == "sk-env"
    assert AsyncMaritaca("sk-arg", base_url="http://127.0.0.1:2").base_url == "http://127.0.0.1:2"


def test_default_base_url_is_the_documented_one() -> None:
    assert AsyncMaritaca("k").base_url == "https://chat.maritaca.ai/api"


@pytest.mark.parametrize(
    "url",
    [
        "chat.maritaca.ai",
        "ftp://x/api",
        "https://",
        "http://[::1",
        "http://x:99999/",
        "https://u:p@x/api",
        "https://x/api?a=1",
        "https://x/api#f",
        "http://a..b/api",
        "http://.invalid",
        "http://a b/api",
        "http://" + "a" * 70 + ".br",
        " ",
    ],
)
def test_bad_base_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        AsyncMaritaca("k", base_url=url)


@pytest.mark.parametrize(
    ("given", "requested"),
    [
        ("https://chat.maritaca.ai/api", "https://chat.maritaca.ai/api{path}"),
        ("https://chat.maritaca.ai/api/", "https://chat.maritaca.ai/api{path}"),
        (" https://chat.maritaca.ai/api// ", "https://chat.maritaca.ai/api{path}"),
        ("https://chat.maritaca.ai/api/v1", "https://chat.maritaca.ai/api/v1{path}"),
        ("https://chat.maritaca.ai/api/v1/", "https://chat.maritaca.ai/api/v1{path}"),
        ("http://gateway:4000/v1", "http://gateway:4000/v1{path}"),
        ("http://gateway:4000", "http://gateway:4000{path}"),
        ("http://gateway:4000/v11", "http://gateway:4000/v11{path}"),
    ],
)
def test_base_url_is_taken_with_and_without_trailing_slash_and_version(given: str, requested: str) -> None:
    client = AsyncMaritaca("k", base_url=given)
    assert client._engine.url("/chat/completions") == requested.format(path="/chat/completions")
    once = requested.format(path="/v1/responses").replace("/v1/v1/", "/v1/")
    assert client._engine.url("/v1/responses") == once


@pytest.mark.parametrize(
    "bad", [{"timeout": -1}, {"timeout": "3"}, {"limits": 5}, {"max_retries": -1}, {"max_retries": "2"}]
)
def test_client_refuses_bad_options_when_made(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        AsyncMaritaca("k", **bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/api",
        "https://[::1]:8/x",
        "http://127.0.0.1",
        "https://maritacá.br/v1",
        "http://my_host.local./a",
    ],
)
def test_usual_base_urls_are_accepted(url: str) -> None:
    assert AsyncMaritaca("k", base_url=url).base_url == url


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_traceback_with_locals_does_not_show_a_bad_key(kind: type) -> None:
    import traceback

    with pytest.raises(ConfigurationError) as caught:
        kind("sk canary")
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = "".join(shown.format())
    assert "canary" not in frames.replace('kind("sk canary")', "").replace("sk canary')", "")


RATE_LIMITS = [
    ({}, None),
    ({"x-request-id": "r"}, None),
    ({"x-ratelimit-remaining-requests": "7"}, {"remaining_requests": 7}),
    (
        {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"},
        {"limit_requests": 60, "remaining_requests": 0},
    ),
    ({"x-ratelimit-limit": "9", "x-ratelimit-limit-requests": "60"}, {"limit_requests": 60}),
    (
        {"x-ratelimit-limit-tokens": "90", "x-ratelimit-remaining-tokens": "8"},
        {"limit_tokens": 90, "remaining_tokens": 8},
    ),
    ({"x-ratelimit-reset-requests": "1.5"}, {"reset_requests": 1.5}),
    ({"x-ratelimit-reset": "20"}, {"reset_requests": 20.0}),
    ({"x-ratelimit-reset-tokens": "1h2m3.5s"}, {"reset_tokens": 3723.5}),
    ({"x-ratelimit-reset-tokens": "17ms"}, {"reset_tokens": 0.017}),
    ({"x-ratelimit-reset": "1784310000"}, None),
    ({"x-ratelimit-reset": "2026-07-17T16:23:00Z"}, None),
    ({"x-ratelimit-remaining": "-1", "x-ratelimit-limit": "many", "x-ratelimit-reset": "1e309"}, None),
    ({"x-ratelimit-remaining": "٣", "x-ratelimit-limit": "9" * 5000, "x-ratelimit-reset": "1s" * 5000}, None),
]


@pytest.mark.parametrize(("headers", "expected"), RATE_LIMITS)
def test_rate_limit_headers_are_read_where_they_can_be(
    headers: dict[str, str], expected: dict[str, float] | None
) -> None:
    raw = tuple((name.encode(), value.encode()) for name, value in headers.items())
    found = HttpInfo(200, raw, 1, 0.1).rate_limit
    if expected is None:
        assert found is None
    else:
        assert {name: value for name, value in asdict(found).items() if value is not None} == expected


def test_result_pickled_with_its_rate_limit_still_tells_it() -> None:
    info = HttpInfo(200, ((b"x-ratelimit-remaining", b"5"),), 1, 0.1)
    restored = pickle.loads(pickle.dumps(info))
    assert restored.rate_limit == info.rate_limit
    assert restored.rate_limit.remaining_requests == 5
