"""Proxies: which one is used, what it gets to see, and what its refusals look like."""

from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path

import pytest
from conftest import KEY
from proxying import HOST, ForwardProxy, SecureServer, shown, trusting
from scripted import ASK, GOOD_STREAM, ScriptedServer, answers, completion, streams

from maritaca_async import APIConnectionError, AsyncMaritaca, ConfigurationError, Maritaca, RetryPolicy
from maritaca_async._core.network import find_proxy

QUICK = RetryPolicy(delay=0.001)
PLAIN, SECURE = f"http://{HOST}/api", f"https://{HOST}/api"
VARIABLES = [
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    for name in (upper, upper.lower())
]


@pytest.fixture(autouse=True)
def no_proxy_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


async def test_plain_http_goes_to_the_proxy_with_the_whole_url() -> None:
    async with (
        ScriptedServer(answers(completion("oi"))) as server,
        ForwardProxy(server.port) as proxy,
        AsyncMaritaca(KEY, base_url=PLAIN, proxy=proxy.url) as maritaca,
    ):
        assert (await maritaca.chat.completions.create(**ASK, extra_query={"a": "b"})).text == "oi"
    (asked,) = proxy.asked
    assert (asked.method, asked.target) == ("POST", f"{PLAIN}/chat/completions?a=b")
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert "proxy-authorization" not in asked.headers


async def test_https_goes_through_a_tunnel_that_never_sees_the_key() -> None:
    async with (
        SecureServer(answers(completion("oi"))) as server,
        ForwardProxy(server.port) as proxy,
        AsyncMaritaca(
            KEY, base_url=SECURE, proxy=proxy.url, ssl_context=trusting(server.authority)
        ) as maritaca,
    ):
        for _ in range(2):
            assert (await maritaca.chat.completions.create(**ASK)).text == "oi"
    (asked,) = proxy.asked
    assert (asked.method, asked.target) == ("CONNECT", f"{HOST}:443")
    assert KEY not in repr(asked)
    assert KEY.encode() not in proxy.passed_on
    assert "authorization" not in asked.headers
    assert [seen.headers["authorization"] for seen in server.seen] == [f"Bearer {KEY}"] * 2
    assert server.connections == 1


async def test_streams_come_through_the_tunnel() -> None:
    async with (
        SecureServer((streams(*GOOD_STREAM),)) as server,
        ForwardProxy(server.port) as proxy,
        AsyncMaritaca(
            KEY, base_url=SECURE, proxy=proxy.url, ssl_context=trusting(server.authority)
        ) as maritaca,
        maritaca.chat.completions.stream(**ASK) as stream,
    ):
        assert "".join([text async for text in stream.text_stream]) == "Bom dia!"


async def test_proxy_may_speak_tls_itself() -> None:
    server = SecureServer(answers(completion("oi")))
    async with server, ForwardProxy(server.port, tls=server.server_context()) as proxy:
        trusted = trusting(server.authority)
        async with AsyncMaritaca(KEY, base_url=SECURE, proxy=proxy.url, ssl_context=trusted) as maritaca:
            assert (await maritaca.chat.completions.create(**ASK)).text == "oi"
    assert [asked.method for asked in proxy.asked] == ["CONNECT"]


@pytest.mark.parametrize("base_url", [PLAIN, SECURE])
async def test_credentials_reach_the_proxy_and_nobody_else(
    base_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "maritaca_async")
    server = (ScriptedServer if base_url == PLAIN else SecureServer)(answers(completion()))
    async with server, ForwardProxy(server.port, authorization="Basic bWFyaWE6cEBzcw==") as proxy:
        context = trusting(server.authority) if isinstance(server, SecureServer) else None
        url = proxy.url.replace("//", "//maria:p%40ss@")
        async with AsyncMaritaca(KEY, base_url=base_url, proxy=url, ssl_context=context) as maritaca:
            for _ in range(2):
                await maritaca.chat.completions.create(**ASK)
            dump = repr(maritaca) + repr(vars(maritaca)) + repr(maritaca._settings)
    assert "proxy-authorization" not in server.seen[0].headers
    for hidden in ("p%40ss", "p@ss", "bWFyaWE6cEBzcw"):
        assert hidden not in dump + caplog.text


@pytest.mark.parametrize("base_url", [PLAIN, SECURE])
async def test_proxy_that_asks_for_a_password_is_told_apart_from_the_service(base_url: str) -> None:
    async with ScriptedServer(answers(completion())) as server:
        async with ForwardProxy(server.port, authorization="Basic x") as proxy:
            url = proxy.url.replace("//", "//maria:canary@")
            async with AsyncMaritaca(KEY, base_url=base_url, proxy=url, max_retries=QUICK) as maritaca:
                with pytest.raises(APIConnectionError, match="user:password@host") as caught:
                    await maritaca.chat.completions.create(**ASK)
        assert len(proxy.asked) == 1, "a missing password is not asked for twice"
    assert server.seen == []
    assert "canary" not in shown(caught.value)
    assert "bWFyaWE6Y2FuYXJ5" not in shown(caught.value)


async def test_tunnel_refused_for_a_moment_is_tried_again_and_for_good_is_not() -> None:
    async with SecureServer(answers(completion("enfim"))) as server:
        async with ForwardProxy(server.port, refusals=[503, 502]) as proxy:
            context = trusting(server.authority)
            async with AsyncMaritaca(
                KEY, base_url=SECURE, proxy=proxy.url, ssl_context=context, max_retries=QUICK
            ) as maritaca:
                assert (await maritaca.chat.completions.create(**ASK)).text == "enfim"
                assert len(proxy.asked) == 3
        async with ForwardProxy(server.port, refusals=[403, 403]) as proxy:
            async with AsyncMaritaca(KEY, base_url=SECURE, proxy=proxy.url, max_retries=QUICK) as maritaca:
                with pytest.raises(APIConnectionError, match="the proxy refused to connect: 403"):
                    await maritaca.chat.completions.create(**ASK)
            assert len(proxy.asked) == 1


async def test_unreachable_proxy_is_named_with_where_it_may_have_come_from() -> None:
    async with ScriptedServer(answers(completion())) as gone:
        port = gone.port
    maritaca = AsyncMaritaca(KEY, base_url=SECURE, proxy=f"http://127.0.0.1:{port}", max_retries=0)
    with pytest.raises(APIConnectionError, match=rf"the proxy could not be reached .*HTTPS_PROXY.*:{port}"):
        await maritaca.chat.completions.create(**ASK)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment_counts(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(answers(completion())) as server, ForwardProxy(server.port) as proxy:
        monkeypatch.setenv(variable, f"127.0.0.1:{proxy.port}")
        async with AsyncMaritaca(KEY, base_url=PLAIN) as maritaca:
            await maritaca.chat.completions.create(**ASK)
    assert len(proxy.asked) == 1


async def test_proxy_of_the_environment_never_stands_before_a_server_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in VARIABLES[:6]:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with ScriptedServer(answers(completion())) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url) as maritaca:
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == 1


async def test_netrc_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(
        f"machine {HOST} login a password b\nmachine 127.0.0.1 login a password b\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with ScriptedServer(answers(completion())) as server, ForwardProxy(server.port) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with AsyncMaritaca(KEY, base_url=PLAIN) as maritaca:
            await maritaca.chat.completions.create(**ASK)
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert "proxy-authorization" not in proxy.asked[0].headers


@pytest.mark.parametrize(
    ("environment", "base_url", "expected"),
    [
        ({}, SECURE, None),
        ({"HTTPS_PROXY": "http://a:1"}, SECURE, "http://a:1"),
        ({"HTTPS_PROXY": "http://a"}, SECURE, "http://a:80"),
        ({"HTTPS_PROXY": "https://a"}, SECURE, "https://a:443"),
        ({"HTTPS_PROXY": "http://[::1]:8"}, SECURE, "http://[::1]:8"),
        ({"HTTPS_PROXY": "a:1"}, SECURE, "http://a:1"),
        ({"HTTPS_PROXY": ""}, SECURE, None),
        ({"HTTP_PROXY": "http://a:1"}, SECURE, None),
        ({"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2"}, PLAIN, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2"}, SECURE, "http://b:2"),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": "*"}, SECURE, None),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": HOST}, SECURE, None),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": ".example.test"}, SECURE, None),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": "x, EXAMPLE.test"}, SECURE, None),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": f"{HOST}:443"}, SECURE, None),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": f"{HOST}:444"}, SECURE, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": "ample.test"}, SECURE, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": "10.0.0.0/8"}, "http://10.2.3.4/api", None),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": "10.0.0.0/8,bad/x"}, "http://11.2.3.4", "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "NO_PROXY": "10.0.0.0/8"}, SECURE, "http://a:1"),
        ({"ALL_PROXY": "http://a:1"}, "http://localhost:8/api", None),
        ({"ALL_PROXY": "http://a:1"}, "http://sandbox.localhost/api", None),
        ({"ALL_PROXY": "http://a:1"}, "http://127.8.8.8/api", None),
        ({"ALL_PROXY": "http://a:1"}, "http://[::1]:8/api", None),
    ],
)
def test_environment_decides_by_scheme_and_host(
    environment: dict[str, str], base_url: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = find_proxy(base_url, None, trust_env=True)
    assert (found.url if found else None) == expected
    assert find_proxy(base_url, None, trust_env=False) is None
    given = find_proxy(base_url, "http://given:5", trust_env=True)
    assert given is not None
    assert given.url == "http://given:5"


BAD_PROXIES = [
    "socks5://u:canary@h:1",
    "h:1",
    "http://",
    "http://u:canary@",
    "http://h:canary",
    "ftp://h",
    "",
    7,
]


@pytest.mark.parametrize("bad", BAD_PROXIES)
def test_proxy_that_cannot_work_is_refused_without_being_shown(bad: object) -> None:
    import traceback

    with pytest.raises(ConfigurationError, match="proxy must look like http://host:3128") as caught:
        AsyncMaritaca(KEY, base_url=SECURE, proxy=bad)  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)
    frames = list(traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack)
    assert not [frame for frame in frames[1:] if "canary" in str(frame.locals)]


def test_unusable_proxy_of_the_environment_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://u:canary@h:1")
    with pytest.raises(ConfigurationError, match=r"ALL_PROXY must .*SOCKS.*trust_env=False") as caught:
        AsyncMaritaca(KEY, base_url=SECURE)
    assert "canary" not in str(caught.value)
    assert AsyncMaritaca(KEY, base_url=SECURE, trust_env=False).base_url == SECURE


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_proxy_is_pickled_unless_it_has_a_password(
    kind: type[AsyncMaritaca | Maritaca], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", KEY)
    restored = pickle.loads(pickle.dumps(kind(proxy="http://h:3128")))
    assert getattr(restored, "_twin", restored)._settings["proxy"] == "http://h:3128"
    secret = kind(proxy="http://u:p@h:3128")
    assert type(copy.deepcopy(secret)) is kind
    with pytest.raises(ConfigurationError, match="proxy=.* has a password"):
        pickle.dumps(secret)
