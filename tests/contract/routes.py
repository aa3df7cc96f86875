"""The routes of the contract (sections 5, 8 and 17 to 19), each with the call that goes there and an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from maritaca_async import AsyncMaritaca

from .documents import BATCH_PAGE, DELETED, FILE, FILE_PAGE, GUIDE_BATCH, MODELS, PLAIN_CHAT, PLAIN_RESPONSE
from .parameters import CHAT_ASK, RESPONSE_ASK

ROUTES: dict[str, tuple[Callable[[AsyncMaritaca], Awaitable[Any]], Any]] = {
    "GET /api/files": (lambda client: client.files.list(), FILE_PAGE),
    "GET /api/files/{id}": (lambda client: client.files.retrieve("id-1"), FILE),
    "GET /api/files/{id}/content": (lambda client: client.files.content("id-1"), {}),
    "DELETE /api/files/{id}": (lambda client: client.files.delete("id-1"), DELETED),
    "POST /api/files": (lambda client: client.files.create(file=b"{}"), FILE),
    "POST /api/batches": (lambda client: client.batches.create(input_file_id="id-1"), GUIDE_BATCH),
    "GET /api/batches": (lambda client: client.batches.list(), BATCH_PAGE),
    "GET /api/batches/{id}": (lambda client: client.batches.retrieve("id-1"), GUIDE_BATCH),
    "POST /api/batches/{id}/cancel": (lambda client: client.batches.cancel("id-1"), GUIDE_BATCH),
    "GET /api/models": (lambda client: client.models.list(), MODELS),
    "POST /api/chat/completions": (lambda client: client.chat.completions.create(**CHAT_ASK), PLAIN_CHAT),
    "POST /api/v1/responses": (lambda client: client.responses.create(**RESPONSE_ASK), PLAIN_RESPONSE),
}
"""By method and path."""
