"""`DeepInfraEmbeddings` against a small server with DeepInfra's route."""

from __future__ import annotations

import ast
import asyncio
import copy
import inspect
import json
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from langchain_core import exceptions as langchain_errors
from langchain_core.utils import get_pydantic_field_names
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests
from pydantic import ValidationError

from langchain_maritaca import ChatMaritacaError, DeepInfraEmbeddings
from langchain_maritaca import embeddings as embeddings_module
from maritaca_async import AsyncMaritaca, ConfigurationError, Maritaca, Timeouts, errors

KEY = "deepinfra-canary-key"
FOREIGN = "maritaca-canary-key"


def vector(text: str) -> list[float]:
    return [float(len(text)), float(sum(text.encode())), 0.5]


def good(texts: list[str]) -> dict[str, Any]:
    """Whole numbers are written without a fraction, and the last item comes first."""
    numbers = [[int(v) if v == int(v) else v for v in vector(text)] for text in texts]
    items = [{"object": "embedding", "index": i, "embedding": n} for i, n in enumerate(numbers)]
    return {"object": "list", "data": items[::-1], "usage": {"prompt_tokens": 3}}


class PatientServer(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True


class EmbeddingServer:
    """Answers `/v1/openai/embeddings`; `answer` may be replaced by a test."""

    def __init__(self) -> None:
        self.answer: Callable[[list[str]], tuple[int, Any]] = lambda texts: (200, good(texts))
        self.seen: list[dict[str, Any]] = []
        self.under_way = self.most = 0
        self._lock = threading.Lock()
        self._http = PatientServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/v1/openai"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = server.serve(self.path, self.headers["Authorization"], body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                with suppress(ConnectionError):  # of a call that was given up
                    self.end_headers()
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def serve(self, path: str, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            self.seen.append({"path": path, "key": key, "body": body})
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            return self.answer(body["input"])
        finally:
            with self._lock:
                self.under_way -= 1


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    running = EmbeddingServer()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of Maritaca is set, as in every application that also chats; it must never get here."""
    monkeypatch.setenv("MARITACA_API_KEY", FOREIGN)
    for name in ("DEEPINFRA_API_KEY", "DEEPINFRA_API_BASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make(server: EmbeddingServer) -> Callable[..., DeepInfraEmbeddings]:
    def make(**fields: Any) -> DeepInfraEmbeddings:
        return DeepInfraEmbeddings(**{"api_key": KEY, "base_url": server.base_url, **fields})

    return make


Make = Callable[..., DeepInfraEmbeddings]
Embed = Callable[[DeepInfraEmbeddings, list[str]], list[list[float]]]


def _inside_a_loop(embeddings: DeepInfraEmbeddings, texts: list[str]) -> list[list[float]]:
    async def main() -> list[list[float]]:
        return embeddings.embed_documents(texts)

    return asyncio.run(main())


PATHS: dict[str, Embed] = {
    "blocking": lambda embeddings, texts: embeddings.embed_documents(texts),
    "blocking inside a running loop": _inside_a_loop,
    "asynchronous": lambda embeddings, texts: asyncio.run(embeddings.aembed_documents(texts)),
}
every_path = pytest.mark.parametrize("embed", PATHS.values(), ids=PATHS)
TEXTS = [f"passage: texto número {n}" for n in range(10)]


@every_path
def test_vectors_come_in_the_order_of_the_texts(server: EmbeddingServer, make: Make, embed: Embed) -> None:
    def first_batch_last(texts: list[str]) -> tuple[int, Any]:
        time.sleep(0.1 if TEXTS[0] in texts else 0)
        return 200, good(texts)

    server.answer = first_batch_last
    got = embed(make(batch_size=3), TEXTS)
    assert got == [vector(text) for text in TEXTS]
    assert all(type(number) is float for number in got[0])
    assert sorted(len(seen["body"]["input"]) for seen in server.seen) == [1, 3, 3, 3]


@every_path
def test_batches_run_at_the_same_time_within_bounds(
    server: EmbeddingServer, make: Make, embed: Embed
) -> None:
    def slow(texts: list[str]) -> tuple[int, Any]:
        time.sleep(0.05)
        return 200, good(texts)

    server.answer = slow
    embed(make(batch_size=1), [str(n) for n in range(24)])
    assert 2 <= server.most <= 8


@every_path
def test_request_is_the_one_that_deepinfra_documents(
    server: EmbeddingServer, make: Make, embed: Embed
) -> None:
    embed(make(model="intfloat/e5-base-v2"), ["a", "b"])
    assert server.seen == [
        {
            "path": "/v1/openai/embeddings",
            "key": f"Bearer {KEY}",
            "body": {"model": "intfloat/e5-base-v2", "input": ["a", "b"], "encoding_format": "float"},
        }
    ]


def test_query_gives_one_vector(make: Make) -> None:
    embeddings = make()
    assert embeddings.embed_query("query: Olá") == vector("query: Olá")
    assert asyncio.run(embeddings.aembed_query("query: Olá")) == vector("query: Olá")


@every_path
def test_no_texts_give_no_vectors_and_no_request(server: EmbeddingServer, make: Make, embed: Embed) -> None:
    assert embed(make(), []) == []
    assert server.seen == []


def test_one_object_works_in_successive_loops(make: Make) -> None:
    embeddings = make()
    for _ in range(3):
        assert asyncio.run(embeddings.aembed_documents(["a"])) == [vector("a")]


@every_path
@pytest.mark.parametrize("status", [429, 500])
def test_failed_batch_is_tried_again(server: EmbeddingServer, make: Make, embed: Embed, status: int) -> None:
    def fail_once(texts: list[str]) -> tuple[int, Any]:
        return (200, good(texts)) if len(server.seen) > 1 else (status, {"detail": "agora não"})

    server.answer = fail_once
    assert embed(make(), ["a"]) == [vector("a")]
    assert len(server.seen) == 2


@every_path
@pytest.mark.parametrize(
    ("status", "ours", "theirs", "said"),
    [
        (401, errors.AuthenticationError, "ModelAuthenticationError", "check DEEPINFRA_API_KEY"),
        (402, errors.PaymentRequiredError, "ModelPermissionDeniedError", "deepinfra.com"),
        (404, errors.NotFoundError, "ModelNotFoundError", "check base_url and the model name"),
        (413, errors.PayloadTooLargeError, "ModelInvalidRequestError", "lower batch_size"),
        (429, errors.RateLimitError, "ModelRateLimitError", "não deu"),
        (500, errors.InternalServerError, "ModelAPIError", "não deu"),
    ],
)
def test_failure_is_an_error_of_both_families_that_speaks_of_deepinfra(
    server: EmbeddingServer, make: Make, embed: Embed, status: int, ours: type, theirs: str, said: str
) -> None:
    server.answer = lambda texts: (
        (status, {"detail": f"não deu {KEY}"}) if "texto número 7" in texts[0] else (200, good(texts))
    )
    with pytest.raises(ours, match=said) as caught:
        embed(make(batch_size=1, max_retries=0), TEXTS)
    error = caught.value
    assert isinstance(error, getattr(langchain_errors, theirs))
    assert isinstance(error, ChatMaritacaError)
    assert error.http.status == status
    shown = "".join(traceback.format_exception(error))
    assert "MARITACA_API_KEY" not in str(error)
    assert "plataforma" not in str(error)
    assert KEY not in shown


BAD_ANSWERS: dict[str, tuple[Any, str]] = {
    "too few": ({"data": [{"index": 0, "embedding": [1.0]}]}, "2 texts were sent, 1 vectors came"),
    "too many": (
        {"data": [{"index": i, "embedding": [1.0]} for i in range(3)]},
        "2 texts were sent, 3 vectors",
    ),
    "twice the same": ({"data": [{"index": 0, "embedding": [1.0]}] * 2}, r"index 0, 0\)"),
    "beyond": ({"data": [{"index": i, "embedding": [1.0]} for i in (0, 7)]}, r"index 0, 7\)"),
    "no index": ({"data": [{"embedding": [1.0]}] * 2}, r"data\.0\.index: Field required"),
    "no data": ({"answer": 1}, "data: Field required"),
    "no numbers": ({"data": [{"index": 0, "embedding": "AAAA"}]}, r"data\.0\.embedding"),
    "null among numbers": ({"data": [{"index": 0, "embedding": [None]}]}, r"data\.0\.embedding\.0"),
    "empty vector": ({"data": [{"index": 0, "embedding": []}]}, r"data\.0\.embedding"),
}


@every_path
@pytest.mark.parametrize(("answer", "said"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_answer_that_does_not_fit_the_texts_is_an_error(
    server: EmbeddingServer, make: Make, embed: Embed, answer: Any, said: str
) -> None:
    server.answer = lambda _texts: (200, answer)
    with pytest.raises(errors.APIResponseError, match=said) as caught:
        embed(make(), ["a", "b"])
    assert isinstance(caught.value, langchain_errors.ModelAPIError)
    assert json.loads(caught.value.body) == answer
    assert caught.value.http is not None


@every_path
def test_timeout_ends_a_batch(server: EmbeddingServer, make: Make, embed: Embed) -> None:
    released = threading.Event()

    def hang(texts: list[str]) -> tuple[int, Any]:
        released.wait(5)
        return 200, good(texts)

    server.answer = hang
    try:
        with pytest.raises(errors.APITimeoutError) as caught:
            embed(make(timeout=0.1), ["a"])
        assert isinstance(caught.value, langchain_errors.ModelTimeoutError)
    finally:
        released.set()


@every_path
@pytest.mark.parametrize("timeout", [None, 5, Timeouts(deadline=5)])
def test_no_limit_and_own_clocks_are_accepted(make: Make, embed: Embed, timeout: Any) -> None:
    assert embed(make(timeout=timeout), ["a"]) == [vector("a")]


@every_path
@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("um texto", "texts must be a list of strings, not str"),
        ([1], r"texts\[0\] must be a string"),
        (7, "not int"),
    ],
)
def test_texts_that_are_none_are_refused_before_any_request(
    server: EmbeddingServer, make: Make, embed: Embed, texts: Any, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        embed(make(), texts)
    assert server.seen == []


def test_key_and_url_come_from_the_environment(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPINFRA_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("DEEPINFRA_API_BASE", f"{server.base_url}/")
    assert DeepInfraEmbeddings().embed_query("a") == vector("a")
    assert server.seen[0]["key"] == "Bearer key-of-the-environment"
    assert server.seen[0]["path"] == "/v1/openai/embeddings"


@pytest.mark.parametrize("key", [None, "", "  "])
def test_missing_key_is_said_at_once_and_maritacas_never_takes_its_place(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key is not None:
        monkeypatch.setenv("DEEPINFRA_API_KEY", key)
    with pytest.raises(
        ValidationError, match="no API key: set the environment variable DEEPINFRA_API_KEY"
    ) as caught:
        DeepInfraEmbeddings(base_url=server.base_url)
    assert "MARITACA_API_KEY" not in str(caught.value)


def test_empty_url_never_leads_to_maritaca(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_BASE", "http://127.0.0.1:1/maritaca")
    monkeypatch.setenv("DEEPINFRA_API_BASE", "")
    clients = DeepInfraEmbeddings(api_key=KEY)._clients()
    assert clients.asynchronous.base_url == "https://api.deepinfra.com/v1/openai"
    assert clients.blocking.base_url == "https://api.deepinfra.com/v1/openai"


@pytest.mark.parametrize(
    "fields",
    [{"batch_size": 0}, {"batch_size": -1}, {"max_retries": -1}, {"timeout": 0}, {"base_url": "deepinfra"}],
)
def test_setting_that_cannot_work_is_refused_when_made_and_before_a_call(
    server: EmbeddingServer, make: Make, fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as caught:
        make(**fields)
    assert KEY not in str(caught.value)
    assert "MARITACA_" not in str(caught.value)
    embeddings = make()
    (name, value), *_ = fields.items()
    names = {"timeout": "request_timeout", "base_url": "deepinfra_api_base"}
    with pytest.raises(ValueError):
        setattr(embeddings, names.get(name, name), value)
        embeddings.embed_query("a")
    assert server.seen == []


def test_changed_setting_takes_effect(server: EmbeddingServer, make: Make) -> None:
    embeddings = make()
    embeddings.embed_query("a")
    embeddings.deepinfra_api_key = "another-key"  # type: ignore[assignment]
    embeddings.batch_size = 1
    embeddings.embed_documents(["a", "b"])
    copied = embeddings.model_copy(update={"model": "outro"})
    copied.embed_query("a")
    assert [seen["key"] for seen in server.seen] == [f"Bearer {KEY}"] + ["Bearer another-key"] * 3
    assert server.seen[-1]["body"]["model"] == "outro"


@pytest.mark.parametrize("name", ["deepinfra_api_key", "api_key"])
def test_key_given_to_a_copy_takes_effect_and_stays_hidden(
    server: EmbeddingServer, make: Make, name: str
) -> None:
    copied = make().model_copy(update={name: "another-key"})
    assert copied.embed_query("a") == vector("a")
    assert server.seen[-1]["key"] == "Bearer another-key"
    assert "another-key" not in f"{copied!r} {copied.model_dump()}"


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("model_name", "'model_name', did you mean 'model'"),
        ("deepinfra_api_token", "'deepinfra_api_token', did you mean 'deepinfra_api_key'"),
        ("bogus", "no such field: 'bogus', there are api_key, async_client, base_url, batch_size"),
    ],
)
def test_argument_that_is_none_is_refused(make: Make, argument: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        make(**{argument: "canary-value"})
    assert "canary-value" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=said):
        make().model_copy(update={argument: "canary-value"})


def test_argument_given_by_name_and_by_alias_is_refused(make: Make) -> None:
    with pytest.raises(ValidationError, match="given twice, by name and by alias: deepinfra_api_key"):
        make(deepinfra_api_key="another-key")


def test_equal_settings_share_their_connections(make: Make) -> None:
    assert make()._clients() is make()._clients()
    assert make()._clients() is not make(api_key="other")._clients()


def test_key_shows_nowhere(make: Make) -> None:
    embeddings = make()
    shown = f"{embeddings!r} {embeddings} {embeddings.model_dump()} {embeddings.model_dump_json()}"
    assert KEY not in shown


def test_pickle_takes_the_key_from_the_environment_of_the_other_side(
    server: EmbeddingServer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings = make(batch_size=2, model="outro")
    embeddings.embed_query("a")
    data = pickle.dumps(embeddings)
    assert KEY.encode() not in data
    with pytest.raises(ConfigurationError, match="DEEPINFRA_API_KEY"):
        pickle.loads(data).embed_query("a")
    monkeypatch.setenv("DEEPINFRA_API_KEY", "other-side")
    restored = pickle.loads(data)
    assert (restored.batch_size, restored.model) == (2, "outro")
    assert restored.embed_query("a") == vector("a")
    assert asyncio.run(restored.aembed_query("a")) == vector("a")
    assert [seen["key"] for seen in server.seen[1:]] == ["Bearer other-side"] * 2


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_work_with_the_same_key(server: EmbeddingServer, make: Make, duplicate: Any) -> None:
    embeddings = make()
    assert duplicate(embeddings).embed_query("a") == vector("a")
    assert server.seen[0]["key"] == f"Bearer {KEY}"


def test_own_clients_are_used(server: EmbeddingServer) -> None:
    own = {"base_url": server.base_url, "api_key": "own-key"}
    embeddings = DeepInfraEmbeddings(client=Maritaca(**own), async_client=AsyncMaritaca(**own))
    assert embeddings.embed_query("a") == vector("a")
    assert asyncio.run(embeddings.aembed_query("a")) == vector("a")
    assert [seen["key"] for seen in server.seen] == ["Bearer own-key"] * 2


def test_one_own_client_does_not_stand_for_the_other(server: EmbeddingServer) -> None:
    own = {"base_url": server.base_url, "api_key": "own-key"}
    with pytest.raises(ConfigurationError, match="give an async_client"):
        asyncio.run(DeepInfraEmbeddings(client=Maritaca(**own)).aembed_query("a"))
    with pytest.raises(ConfigurationError, match="give a client for blocking"):
        DeepInfraEmbeddings(async_client=AsyncMaritaca(**own)).embed_query("a")
    assert server.seen == []


@pytest.mark.parametrize(
    "given", [{"api_key": KEY}, {"base_url": "http://x"}, {"timeout": 3}, {"max_retries": 3}]
)
def test_settings_beside_an_own_client_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="brings its own settings"):
        DeepInfraEmbeddings(client=Maritaca("own-key"), **given)


def test_own_client_is_not_pickled_for_its_key_would_become_maritacas() -> None:
    with pytest.raises(TypeError, match="client of your own"):
        pickle.dumps(DeepInfraEmbeddings(client=Maritaca("own-key")))


async def test_call_blocks_no_loop_and_leaves_nothing(server: EmbeddingServer) -> None:
    async with AsyncMaritaca(KEY, base_url=server.base_url) as client:
        embeddings = DeepInfraEmbeddings(async_client=client, batch_size=1)
        assert await embeddings.aembed_documents(TEXTS) == [vector(text) for text in TEXTS]


def test_type_checkers_are_told_of_every_field_by_each_of_its_names() -> None:
    tree = ast.parse(inspect.getsource(embeddings_module))
    (init,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    assert {each.arg for each in init.args.kwonlyargs} == get_pydantic_field_names(DeepInfraEmbeddings)


class TestStandardUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[DeepInfraEmbeddings]:
        return DeepInfraEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "intfloat/multilingual-e5-large", "api_key": "test"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return (
            {"DEEPINFRA_API_KEY": "key", "DEEPINFRA_API_BASE": "https://example.com/v1"},
            {},
            {"deepinfra_api_key": "key", "deepinfra_api_base": "https://example.com/v1"},
        )


class TestStandardIntegration(EmbeddingsIntegrationTests):
    @pytest.fixture(autouse=True)
    def _point_to_server(self, server: EmbeddingServer) -> None:
        self.base_url = server.base_url

    @property
    def embeddings_class(self) -> type[DeepInfraEmbeddings]:
        return DeepInfraEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"api_key": KEY, "base_url": self.base_url}
