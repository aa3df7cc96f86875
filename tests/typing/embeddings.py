"""Never run: what an editor and a type checker must know about `DeepInfraEmbeddings`."""

from __future__ import annotations

from typing import assert_type

from pydantic import SecretStr

from langchain_maritaca import DeepInfraEmbeddings
from maritaca_async import AsyncMaritaca, Maritaca, Timeouts

embeddings = DeepInfraEmbeddings(api_key="k", base_url="https://x", timeout=3.0, batch_size=8)
DeepInfraEmbeddings()
DeepInfraEmbeddings(
    model="intfloat/e5-base-v2",
    deepinfra_api_key=SecretStr("k"),
    deepinfra_api_base="https://x",
    request_timeout=Timeouts(connect=1),
    max_retries=0,
)
DeepInfraEmbeddings(api_key=None, client=Maritaca("k"), async_client=AsyncMaritaca("k"))
DeepInfraEmbeddings(batch_size="muitos")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
DeepInfraEmbeddings(modelo="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

assert_type(embeddings.deepinfra_api_key, SecretStr | None)
assert_type(embeddings.embed_documents(["passage: Olá"]), list[list[float]])
assert_type(embeddings.embed_query("query: Olá"), list[float])


async def vectors() -> None:
    assert_type(await embeddings.aembed_documents(["passage: Olá"]), list[list[float]])
