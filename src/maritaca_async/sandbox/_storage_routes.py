"""The routes of files and batches: each returns its answer, or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ._batch_input import ENDPOINTS
from ._batch_run import BatchRunner
from ._batches import ENDED
from ._file_store import MAX_FILE_BYTES, page
from ._multipart import parse_form
from ._refusal import Refusal, bad_request

if TYPE_CHECKING:
    from ._state import RecordedRequest, State

Answer = Callable[[web.Request, "RecordedRequest"], Any]


class StorageRoutes:
    """Files and batches of one server."""

    def __init__(self, state: State) -> None:
        """Serve from this state."""
        self._state = state
        self.runner = BatchRunner(state)

    def all(self) -> list[tuple[str, str, Answer]]:
        """Return method, path and answer of every route."""
        return [
            ("GET", "/files", self._list_files),
            ("POST", "/files", self._upload),
            ("GET", "/files/{id}", self._file),
            ("GET", "/files/{id}/content", self._content),
            ("DELETE", "/files/{id}", self._delete),
            ("GET", "/batches", self._list_batches),
            ("POST", "/batches", self._create),
            ("GET", "/batches/{id}", self._batch),
            ("POST", "/batches/{id}/cancel", self._cancel),
        ]

    def _upload(self, request: web.Request, record: RecordedRequest) -> Any:
        form = parse_form(record.raw, request.headers.get("Content-Type", ""))
        unknown = form.keys() - {"file", "purpose"}
        if unknown:
            raise bad_request(f"Unsupported form field: '{min(unknown)}'")
        file = form.get("file")
        if file is None or not file.filename:
            raise Refusal(422, [{"loc": ["body", "file"], "msg": "Field required", "type": "missing"}])
        if not file.data:
            raise bad_request("The file is empty")
        if len(file.data) > MAX_FILE_BYTES:
            raise Refusal(413, "The file is larger than 200 MB")
        purpose = form["purpose"].data.decode("utf-8", "replace") if "purpose" in form else "batch"
        taken = self._state.options.file_purpose
        if purpose not in (("batch", "batch_input") if taken == "any" else (taken,)):
            raise bad_request(f"Invalid value for 'purpose': '{purpose}'")
        return self._state.files.add(file.filename, purpose, file.data).wire()

    def _list_files(self, request: web.Request, _: RecordedRequest) -> Any:
        stored = self._state.files.with_purpose(request.query.get("purpose"))
        shown, ending = page(stored, request.query, self._state.options.list_style)
        return {"data": [file.wire() for file in shown], **ending}

    def _file(self, request: web.Request, _: RecordedRequest) -> Any:
        return self._state.files.find(request.match_info["id"]).wire()

    def _content(self, request: web.Request, _: RecordedRequest) -> Any:
        data = self._state.files.find(request.match_info["id"]).data
        return web.Response(body=data, content_type="application/octet-stream")

    def _delete(self, request: web.Request, _: RecordedRequest) -> Any:
        file_id = request.match_info["id"]
        self._state.files.delete(file_id)
        return {"id": file_id, "object": "file", "deleted": True}

    def _create(self, _: web.Request, record: RecordedRequest) -> Any:
        wanted = record.body
        if not isinstance(wanted, dict):
            raise bad_request("The body must be a JSON object")
        unknown = wanted.keys() - {"input_file_id", "endpoint", "completion_window", "metadata"}
        if unknown:
            raise bad_request(f"Unsupported parameter: '{min(unknown)}'")
        for name in ("input_file_id", "endpoint"):
            if not isinstance(wanted.get(name), str):
                raise Refusal(422, [{"loc": ["body", name], "msg": "Field required", "type": "missing"}])
        if wanted["endpoint"] not in ENDPOINTS:
            raise bad_request(f"Unsupported endpoint: '{wanted['endpoint']}'")
        if wanted.get("completion_window", "24h") not in ("24h", "1h"):
            raise bad_request("'completion_window' must be '24h'")
        self._state.files.find(wanted["input_file_id"])
        made = self._state.batches.add(wanted["endpoint"], wanted["input_file_id"], wanted.get("metadata"))
        self.runner.start(made)
        return made.wire(self._state.options.batch_dialect)

    def _list_batches(self, request: web.Request, _: RecordedRequest) -> Any:
        options = self._state.options
        shown, ending = page(list(self._state.batches.all.values()), request.query, options.list_style)
        return {"object": "list", "data": [batch.wire(options.batch_dialect) for batch in shown], **ending}

    def _batch(self, request: web.Request, _: RecordedRequest) -> Any:
        found = self._state.batches.find(request.match_info["id"])
        return found.wire(self._state.options.batch_dialect)

    def _cancel(self, request: web.Request, _: RecordedRequest) -> Any:
        found = self._state.batches.find(request.match_info["id"])
        if found.status in ENDED - {"cancelled"}:
            raise bad_request(f"Cannot cancel a batch with status '{found.status}'")
        if not found.cancelling:
            found.enter("cancelling")
        return found.wire(self._state.options.batch_dialect)
