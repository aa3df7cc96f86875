"""Files that come with an answer: made by code execution, or read out of what was sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY
from scripted import ASK, ScriptedServer, answers, completion

from maritaca_async import AsyncMaritaca, ConfigurationError, Maritaca, file_part
from maritaca_async.sandbox import Sandbox

PLOT: dict[str, Any] = {
    "model": "sabia-4",
    "messages": [{"role": "user", "content": "Faça um gráfico das vendas e uma planilha CSV."}],
}


async def test_files_made_by_code_execution_can_be_read_like_dictionaries_and_saved(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        answer = await client.chat.completions.create(**PLOT, code_execution=True)
    assert answer.generated_files
    for file in answer.generated_files:
        assert file["size_bytes"] == file.size_bytes == len(file.content)
        assert file["mime_type"] == file.mime_type
        path = await asyncio.to_thread(file.save, tmp_path / "saída")
        assert path.parent == tmp_path / "saída"
        assert await asyncio.to_thread(path.read_bytes) == file.content
    assert answer.usage is not None
    assert answer.usage.tool_execution_details is not None
    assert answer.usage.tool_execution_details.code_execution_minutes


def test_blocking_client_gives_the_same_files(tmp_path: Path) -> None:
    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url) as client:
        answer = client.chat.completions.create(**PLOT, code_execution=True)
    saved = [file.save(tmp_path) for file in answer.generated_files or ()]
    assert saved
    assert all(path.stat().st_size for path in saved)


async def test_text_that_was_read_out_of_a_document_can_be_sent_instead_of_it() -> None:
    part = file_part(b"CLAUSULA 1: o prazo e de 30 dias.", filename="contrato.txt")
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        first = await client.chat.completions.create(
            model="sabia-4", messages=[{"role": "user", "content": [part]}]
        )
        assert first.extracted_files is not None
        kept = first.extracted_files[0]["text"]
        again = await client.chat.completions.create(
            model="sabia-4", messages=[{"role": "user", "content": f"{kept} Qual é o prazo?"}]
        )
    assert kept == "CLAUSULA 1: o prazo e de 30 dias."
    assert again.extracted_files is None


@pytest.mark.parametrize("tool", ["web_search", "code_execution", "data_ocean"])
async def test_tool_that_runs_on_the_service_is_not_streamed_and_says_so_before_anything_is_sent(
    tool: str,
) -> None:
    params: dict[str, Any] = {**ASK, tool: True}
    async with (
        ScriptedServer(answers(completion())) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(ConfigurationError, match=f"{tool} cannot stream: use create without"):
            await client.chat.completions.create(**params, stream=True)
        with pytest.raises(ConfigurationError, match=f"{tool} cannot stream: use create without"):
            client.chat.completions.stream(**params)
        assert server.seen == []
