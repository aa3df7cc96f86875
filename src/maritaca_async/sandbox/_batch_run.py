"""Batches at work: each runs in the background, its lines through what answers a chat request."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from ._batch_input import InputLine, InputProblem, parse_input
from ._files import attachments
from ._refusal import Refusal
from ._replies import FINGERPRINT, reply_to
from ._tokens import prompt_blocks
from ._validation import check_limits, model_of, parse_request
from ._wire import completion, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from ._batches import StoredBatch
    from ._state import State

_EXPIRED: Final = {"code": "batch_expired", "message": "The batch expired before this request was answered"}


class BatchRunner:
    """Runs batches until they end, or until the server does."""

    def __init__(self, state: State) -> None:
        """Start with nothing to do."""
        self._state = state
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, batch: StoredBatch) -> None:
        """Run a batch in the background."""
        task = asyncio.get_running_loop().create_task(_run(self._state, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, _: web.Application) -> None:
        """Give up the batches that are running."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _run(state: State, batch: StoredBatch) -> None:
    pause = state.options.batch_seconds / 4
    due = asyncio.get_running_loop().time() + state.options.batch_window
    await asyncio.sleep(pause)
    try:
        lines = parse_input(state.files.find(batch.input_file_id).data, batch.endpoint)
    except InputProblem as problem:
        batch.errors.append(problem.wire)
        batch.enter("failed")
        return
    batch.total = len(lines)
    if not batch.cancelling:
        batch.enter("in_progress")
    results = [result async for result in _results(state, batch, lines, 2 * pause, due)]
    expired = any(result["error"] is _EXPIRED for result in results)
    if not batch.cancelling and not expired:
        batch.enter("finalizing")
        await asyncio.sleep(pause)
    _write(state, batch, results)
    batch.enter("cancelled" if batch.cancelling else "expired" if expired else "completed")


async def _results(
    state: State, batch: StoredBatch, lines: list[InputLine], seconds: float, due: float
) -> AsyncIterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        await asyncio.sleep(seconds / len(lines))
        if batch.cancelling:
            return
        result: dict[str, Any] = {
            "id": f"batch_req_{number}",
            "custom_id": line.custom_id,
            "response": None,
            "error": None,
        }
        if asyncio.get_running_loop().time() < due:
            status, body = _answer(state, line.body)
            result["response"] = {"status_code": status, "request_id": f"req_{number}", "body": body}
        else:
            result["error"] = _EXPIRED
        if _is_good(result):
            batch.completed += 1
        else:
            batch.failed += 1
        yield result


def _is_good(result: dict[str, Any]) -> bool:
    return result["error"] is None and result["response"]["status_code"] == 200


def _write(state: State, batch: StoredBatch, results: list[dict[str, Any]]) -> None:
    good = [to_json(result) for result in results if _is_good(result)]
    bad = [to_json(result) for result in results if not _is_good(result)]
    # The order of the output is arbitrary, and whoever relies on that of the input should notice.
    if good:
        batch.output_file_id = _file(state, f"{batch.id}_output.jsonl", good[::-1])
    if bad:
        batch.error_file_id = _file(state, f"{batch.id}_error.jsonl", bad[::-1])


def _file(state: State, name: str, lines: list[bytes]) -> str:
    return state.files.add(name, "batch_output", b"\n".join(lines) + b"\n").id


def _answer(state: State, body: dict[str, Any]) -> tuple[int, Any]:
    """Return the status and body that a line gets, whatever is wrong with it."""
    try:
        wanted = parse_request(body)
        model = model_of(wanted)
        files = attachments(wanted)
        blocks = prompt_blocks(wanted, files)
        prompt_tokens = sum(tokens for _, tokens in blocks)
        check_limits(wanted, model, prompt_tokens)
    except Refusal as refusal:
        return refusal.status, {"detail": refusal.detail}
    reply = reply_to(
        wanted,
        model,
        files=files,
        prompt_tokens=prompt_tokens,
        cached_tokens=state.memory.cached_tokens(blocks),
        next_call_id=state.next_call_id,
    )
    envelope = {
        "id": state.next_reply_id(),
        "created": int(time.time()),
        "model": reply.model,
        "system_fingerprint": FINGERPRINT,
    }
    return 200, completion(reply, envelope, state.options)
