"""Errors: the classes, what bodies say, pickling, and that no secret is in them."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async import APIError, APIStatusError, HttpInfo, errors
from maritaca_async._core.request import parse_error, status_error
from maritaca_async.errors import APITimeoutError, MaritacaError, RequestInfo
from maritaca_async.types import ChatCompletion

HTTP = HttpInfo(503, ((b"X-Request-Id", b"r1"), (b"Retry-After", b"2")), 3, 0.5)
REQUEST = RequestInfo("POST", "https://chat.maritaca.ai/api/chat/completions", 3)
CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MaritacaError)]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_survives_pickling_with_all_it_knows(kind: type[MaritacaError], protocol: int) -> None:
    error = kind("não deu")
    if isinstance(error, APIError):
        error.request, error.http = REQUEST, HTTP
    for name, value in {
        "retry_after": 2.0,
        "code": "c",
        "body": "b",
        "phase": "idle",
        "received": ChatCompletion(id="x"),
    }.items():
        if hasattr(error, name):
            setattr(error, name, value)
    for copied in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is kind
        assert str(copied) == "não deu"
        assert vars(copied) == vars(error)


def test_builtin_except_clauses_catch_ours() -> None:
    assert issubclass(APITimeoutError, TimeoutError)
    assert issubclass(errors.ConfigurationError, ValueError)
    assert not issubclass(APIStatusError, ValueError)


def test_error_tree_is_drawn_in_the_module_docstring() -> None:
    drawn = errors.__doc__
    assert drawn is not None
    for kind in CLASSES:
        if kind is not APIStatusError:
            assert kind.__name__ in drawn


BODIES = [
    ('{"detail":"sem saldo"}', ("sem saldo", None, None, None)),
    ('{"message":"texto"}', ("texto", None, None, None)),
    ('{"detail":"a","message":"b"}', ("a", None, None, None)),
    ('{"error":"texto"}', ("texto", None, None, None)),
    ('{"error":{"message":"m","type":"t","param":"p","code":"c"}}', ("m", "c", "t", "p")),
    ('{"error":{"message":"m","code":429}}', ("m", "429", None, None)),
    ('{"error":{"other":1}}', ('{"other": 1}', None, None, None)),
    (
        '{"detail":[{"loc":["body","messages",0,"role"],"msg":"bad role","type":"enum"},{"loc":["body","n"],"msg":"too small","type":"ge"}]}',
        ("body.messages.0.role: bad role; body.n: too small", None, "enum", "messages.0.role"),
    ),
    ('{"detail":["a","b"]}', ("a; b", None, None, None)),
    ('{"detail":[{"msg":"m"}]}', ("m", None, None, None)),
    ('{"detail":null,"message":"m"}', ("m", None, None, None)),
    ("<html>", ("", None, None, None)),
    ("[]", ("", None, None, None)),
    ("null", ("", None, None, None)),
    ("{}", ("", None, None, None)),
    ("", ("", None, None, None)),
    ("[" * 60_000, ("", None, None, None)),
]


@pytest.mark.parametrize(("text", "expected"), BODIES)
def test_error_body_is_read_in_all_its_shapes(text: str, expected: tuple[str, ...]) -> None:
    found = parse_error(text)
    assert (found.message, found.code, found.type, found.param) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["detail", "message", "error", "loc", "msg", "code"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_error_body_of_any_shape_never_breaks_the_reader(body: object) -> None:
    import json

    found = parse_error(json.dumps(body))
    assert isinstance(found.message, str)
    for detail in (found.code, found.type, found.param):
        assert detail is None or isinstance(detail, str)


def test_message_is_one_line_with_a_hint_and_the_body_is_cut() -> None:
    error = status_error(401, "Unauthorized", b'{"detail":"bad key"}', HTTP, REQUEST, 0)
    assert str(error) == "401 Unauthorized: bad key (check MARITACA_API_KEY or the api_key argument)"
    proxy = status_error(502, "", b"<html>\n<h1>Bad</h1>" + b"x" * 200_000, HTTP, REQUEST, 0)
    assert str(proxy).startswith("502: <html> <h1>Bad</h1>xxx")
    assert len(str(proxy)) < 600
    assert len(proxy.body) == 64 * 1024
    assert proxy.request_id == "r1"
    assert proxy.retry_after == 2


@pytest.mark.parametrize(
    ("body", "retryable"),
    [
        (b'{"detail":"Rate limit reached"}', True),
        (b'{"error":{"code":"insufficient_quota","message":"x"}}', False),
        (b'{"error":{"type":"insufficient_balance","message":"x"}}', False),
        (b'{"detail":"Saldo insuficiente"}', False),
        ('{"detail":"Você não tem créditos"}'.encode(), False),
        (b'{"detail":"flex queue is full"}', True),
        (b"", True),
        (b'{"detail":"Rate limit reached, see https://x/account/billing"}', True),
    ],
)
def test_exhausted_balance_is_told_from_a_passing_limit(body: bytes, retryable: bool) -> None:
    assert status_error(429, "", body, HTTP, REQUEST, 0).retryable is retryable


def test_quota_words_stop_retries_of_rate_limits_only() -> None:
    assert status_error(
        503, "", b'{"detail":"billing service: insufficient funds"}', HTTP, REQUEST, 0
    ).retryable
