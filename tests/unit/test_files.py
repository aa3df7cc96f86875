"""Files without a network: what is accepted as one, how it is wrapped, cut into lines, and read back."""

from __future__ import annotations

import io
import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async import APIResponseError, ConfigurationError
from maritaca_async._core.lines import LineSplitter
from maritaca_async._core.upload import Upload, open_source
from maritaca_async.resources._stored import path_id
from maritaca_async.sandbox._multipart import parse_form
from maritaca_async.types import FileDeleted, FileList, FileObject

WHOLE = {
    "id": "file-1",
    "object": "file",
    "bytes": 12,
    "created_at": 1784310000,
    "expires_at": 1784320000,
    "filename": "a.jsonl",
    "purpose": "batch",
    "status": "processed",
    "status_details": "fine",
}


async def sent(upload: Upload) -> bytes:
    return b"".join([piece async for piece in upload.pieces()])


class OneWay(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


@pytest.mark.parametrize("again", [1, 2])
async def test_every_kind_of_file_makes_the_same_form(tmp_path: Path, again: int) -> None:
    data = os.urandom(700_001)
    path = tmp_path / "pedidos.jsonl"
    path.write_bytes(data)
    opened = io.BytesIO(b"skipped" + data)
    opened.seek(7)
    for file, name in [
        (path, "pedidos.jsonl"),
        (str(path), "pedidos.jsonl"),
        (data, "batch.jsonl"),
        (bytearray(data), "batch.jsonl"),
        (memoryview(data), "batch.jsonl"),
        (opened, "batch.jsonl"),
        (("outro.jsonl", data), "outro.jsonl"),
        (("outro.jsonl", path, "application/jsonl"), "outro.jsonl"),
    ]:
        source = open_source(file)
        upload = Upload(source, {"purpose": "batch"})
        for _ in range(again):
            body = await sent(upload)
        assert len(body) == int(upload.headers["Content-Length"])
        form = parse_form(body, upload.headers["Content-Type"])
        assert (form["file"].data, form["file"].filename) == (data, name)
        assert form["purpose"].data == b"batch"
        source.close()


async def test_stream_that_cannot_seek_is_sent_once_and_without_a_length() -> None:
    source = open_source(OneWay(b"abc" * 100_000))
    upload = Upload(source, {})
    assert not source.repeatable
    assert "Content-Length" not in upload.headers
    form = parse_form(await sent(upload), upload.headers["Content-Type"])
    assert form["file"].data == b"abc" * 100_000


def test_file_of_the_caller_stays_open_and_ours_is_closed(tmp_path: Path) -> None:
    theirs = io.BytesIO(b"x")
    open_source(theirs).close()
    assert not theirs.closed
    path = tmp_path / "f"
    path.write_bytes(b"x")
    source = open_source(path)
    source.close()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        source.read(0)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "empty"),
        (io.BytesIO(), "empty"),
        ("does/not/exist.jsonl", "cannot be opened"),
        (".", "cannot be opened"),
        ("a\0b", "cannot be opened"),
        (io.StringIO("text"), "mode 'rb'"),
        (3, "must be a path"),
        (None, "must be a path"),
        (("name",), "a tuple is"),
        ((b"name", b"data"), "a tuple is"),
        (("name", b"data", 3), "a tuple is"),
        (("name", b"data", "a/b", {}), "a tuple is"),
    ],
)
def test_what_is_no_file_is_refused_with_a_reason(file: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_source(file)


def test_file_that_gives_text_after_all_is_refused() -> None:
    class Liar:
        def read(self, _size: int) -> str:
            return "text"

    source = open_source(Liar())
    with pytest.raises(ConfigurationError, match="mode 'rb'"):
        source.read(0)
    assert source.failure is not None


def test_file_that_shrinks_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 10)
    source = open_source(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigurationError, match="shorter"):
        source.read(0)
    source.close()


def test_names_cannot_break_out_of_their_header() -> None:
    upload = Upload(open_source(('a"b\r\nX-Evil: ç.jsonl', b"x")), {})
    assert 'filename="a%22b%0D%0AX-Evil: ç.jsonl"\r\n'.encode() in upload.head


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_lines_are_the_same_however_the_pieces_fall(data: bytes, cuts: list[int]) -> None:
    splitter = LineSplitter(10_000)
    places = [0, *sorted(cuts), len(data)]
    lines = [line for start, end in itertools.pairwise(places) for line in splitter.feed(data[start:end])]
    lines += splitter.finish()
    expected = [part.removesuffix(b"\r").decode("utf-8", "replace") for part in data.split(b"\n")]
    if not data.split(b"\n")[-1]:
        expected.pop()
    assert lines == expected


def test_line_beyond_the_limit_is_refused_before_it_fills_the_memory() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"123456789\n12345") == ["123456789"]
    with pytest.raises(APIResponseError, match="larger than 10 bytes"):
        splitter.feed(b"678901")
    with pytest.raises(APIResponseError, match="larger than 10 bytes"):
        LineSplitter(10).feed(b"12345678901\n")


@pytest.mark.parametrize("good", ["file-abc123", "file1", "a.b.jsonl", "..a", "_", "x:y@z~,=+"])
def test_ids_of_a_service_are_taken_as_they_are(good: str) -> None:
    assert path_id("file_id", good) == good


@pytest.mark.parametrize(
    "bad",
    ["", ".", "..", "a/b", "../models", "a\\b", "a?b", "a#b", "a%2Fb", "a b", "a\n", "ç", "a" * 513, None, 3],
)
def test_ids_cannot_lead_to_another_path(bad: object) -> None:
    with pytest.raises(ConfigurationError, match="file_id"):
        path_id("file_id", bad)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_every_field_of_a_file_may_be_null_or_missing(name: str) -> None:
    assert FileObject.model_validate({**WHOLE, name: None})
    assert FileObject.model_validate({key: WHOLE[key] for key in WHOLE if key != name})


@pytest.mark.parametrize("unset", [0, 0.0, None])
def test_unset_times_of_a_file_are_none(unset: object) -> None:
    file = FileObject.model_validate({**WHOLE, "expires_at": unset, "created_at": 1784310000.7})
    assert (file.expires_at, file.created_at) == (None, 1784310000)


def test_unknown_values_and_fields_of_a_file_are_kept() -> None:
    file = FileObject.model_validate({**WHOLE, "status": "scanning", "purpose": "other", "shard": 3})
    assert (file.status, file.purpose, file.shard) == ("scanning", "other", 3)


def test_lists_and_deletions_tolerate_nulls() -> None:
    assert FileList.model_validate({"data": None, "has_more": None, "next_cursor": None}).data == []
    assert FileDeleted.model_validate({"id": None, "object": None, "deleted": None}).deleted is None
