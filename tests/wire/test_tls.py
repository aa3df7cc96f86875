"""TLS: whom a client trusts, what it presents, and what it says when that fails."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from conftest import KEY
from proxying import SecureServer, shown, trusting
from scripted import ASK, GOOD_STREAM, answers, completion, streams

from maritaca_async import APIConnectionError, AsyncMaritaca, ConfigurationError, Maritaca, RetryPolicy

QUICK = RetryPolicy(delay=0.001)


async def test_own_authority_is_trusted_for_calls_and_streams() -> None:
    async with (
        SecureServer((*answers(completion("oi")), streams(*GOOD_STREAM))) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, ssl_context=trusting(server.authority)) as maritaca,
    ):
        assert (await maritaca.chat.completions.create(**ASK)).text == "oi"
        async with maritaca.chat.completions.stream(**ASK) as stream:
            assert "".join([text async for text in stream.text_stream]) == "Bom dia!"
    assert server.connections == 1


@pytest.mark.parametrize("context", [None, trusting(trustme.CA())], ids=["system", "other"])
async def test_foreign_certificate_fails_in_one_attempt_and_says_what_to_do(
    context: ssl.SSLContext | None,
) -> None:
    async with (
        SecureServer(answers(completion())) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, ssl_context=context, max_retries=QUICK) as maritaca,
    ):
        with pytest.raises(APIConnectionError, match=r"not trusted.*SSL_CERT_FILE.*ssl_context=") as caught:
            await maritaca.chat.completions.create(**ASK)
    assert server.seen == []
    assert caught.value.request is not None
    assert caught.value.request.attempt == 1
    assert not caught.value.retryable
    assert KEY not in shown(caught.value)


async def test_certificate_of_another_host_is_refused() -> None:
    async with SecureServer(answers(completion())) as server:
        url = server.base_url.replace("127.0.0.1", "127.0.0.2")
        context = trusting(server.authority)
        async with AsyncMaritaca(KEY, base_url=url, ssl_context=context, max_retries=0) as maritaca:
            with pytest.raises(APIConnectionError):
                await maritaca.chat.completions.create(**ASK)
    assert server.seen == []


async def test_server_without_tls_is_no_certificate_problem() -> None:
    async def speak_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
        async with AsyncMaritaca(KEY, base_url=url, max_retries=0) as maritaca:
            with pytest.raises(APIConnectionError, match="no TLS connection could be made"):
                await maritaca.chat.completions.create(**ASK)


async def test_client_certificate_is_presented() -> None:
    clients = trustme.CA()
    async with SecureServer(answers(completion("oi")), client_authority=clients) as server:
        context = trusting(server.authority)
        clients.issue_cert("client@example.test").configure_cert(context)
        async with AsyncMaritaca(KEY, base_url=server.base_url, ssl_context=context) as maritaca:
            assert (await maritaca.chat.completions.create(**ASK)).text == "oi"
        bare = trusting(server.authority)
        async with AsyncMaritaca(KEY, base_url=server.base_url, ssl_context=bare, max_retries=0) as maritaca:
            with pytest.raises(APIConnectionError):
                await maritaca.chat.completions.create(**ASK)


PROGRAM = """
import sys
from maritaca_async import Maritaca
with Maritaca("k", base_url=sys.argv[1]) as client:
    print(client.chat.completions.create(model="sabia-4", messages=[{"role": "user", "content": "Oi"}]).text)
"""


async def test_authority_comes_from_the_environment(tmp_path: Path) -> None:
    async with SecureServer(answers(completion("oi"))) as server:
        bundle = tmp_path / "authorities.pem"
        server.authority.cert_pem.write_to_path(bundle)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", PROGRAM, server.base_url],
            env={**os.environ, "SSL_CERT_FILE": str(bundle)},
            capture_output=True,
            text=True,
        )
    assert (done.stdout.strip(), done.stderr) == ("oi", "")


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_context_of_the_wrong_type_is_refused_when_the_client_is_made(
    kind: type[AsyncMaritaca | Maritaca],
) -> None:
    with pytest.raises(ConfigurationError, match=r"ssl_context must be .*create_default_context"):
        kind(KEY, ssl_context="ca.pem")  # type: ignore[arg-type]
