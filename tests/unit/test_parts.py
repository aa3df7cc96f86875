"""Parts are made from paths, content and URLs; what the service would refuse is refused here, by name."""

from __future__ import annotations

import asyncio
import base64
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maritaca_async import ConfigurationError, afile_part, aimage_part, file_part, image_part
from maritaca_async._core.inline import InlinedBody
from maritaca_async._core.request import encode_body, sendable_body
from maritaca_async.parts import FILES_LIMIT, InlineFile
from maritaca_async.resources._chat_request import completion_body

PNG = b"\x89PNG\r\n\x1a\n\x00resto"
JPEG = b"\xff\xd8\xff\xe0resto"
PDF = b"%PDF-1.7\nresto"
ZIP = b"PK\x03\x04\x00resto"
TEXT = "Olá, mundo".encode()
OFFICE = "application/vnd.openxmlformats-officedocument"
KINDS = {
    "a.pdf": ("application/pdf", PDF),
    "A.PDF": ("application/pdf", b"\n" * 900 + PDF),
    "a.docx": (f"{OFFICE}.wordprocessingml.document", ZIP),
    "a.xlsx": (f"{OFFICE}.spreadsheetml.sheet", ZIP),
    "a.xml": ("application/xml", b"<a/>"),
    "a.csv": ("text/csv", b"a;b"),
    "a.md": ("text/markdown", TEXT),
    "a.txt": ("text/plain", "Olá".encode("utf-16")),
    "a.png": ("image/png", PNG),
    "a.jpg": ("image/jpeg", JPEG),
    "a.jpeg": ("image/jpeg", JPEG),
}


def uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


async def whole(content: Any) -> str:
    assert isinstance(content, InlineFile)
    written = await asyncio.to_thread(content.data_uri)
    assert len(written) == content.encoded_size
    return written


@pytest.mark.parametrize("name", KINDS)
async def test_file_of_every_kind_becomes_a_part_from_disk_and_from_memory(name: str, tmp_path: Path) -> None:
    media_type, content = KINDS[name]
    (tmp_path / name).write_bytes(content)
    for part in (
        await afile_part(tmp_path / name),
        await afile_part(str(tmp_path / name)),
        file_part(content, filename=name),
    ):
        assert part["type"] == "file"
        assert part["file"]["filename"] == name
        assert await whole(part["file"]["file_data"]) == uri(media_type, content)


async def test_name_of_a_file_can_be_another_than_on_disk(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(TEXT)
    part = await afile_part(tmp_path / "x.txt", filename="notas.md")
    assert part["file"]["filename"] == "notas.md"
    assert await whole(part["file"]["file_data"]) == uri("text/markdown", TEXT)


async def test_image_is_taken_from_disk_memory_url_and_data_uri(tmp_path: Path) -> None:
    (tmp_path / "nota.JPG").write_bytes(JPEG)
    from_disk = await aimage_part(tmp_path / "nota.JPG")
    assert await whole(from_disk["image_url"]["url"]) == uri("image/jpeg", JPEG)
    assert await whole(image_part(PNG)["image_url"]["url"]) == uri("image/png", PNG)
    assert await whole(image_part(JPEG)["image_url"]["url"]) == uri("image/jpeg", JPEG)
    for url in ("https://exemplo.com.br/nota.png?x=1", "HTTP://exemplo.com/a", uri("image/png", PNG)):
        assert image_part(url) == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
async def test_content_comes_in_any_form_that_holds_bytes(kind: Callable[[bytes], Any]) -> None:
    part = file_part(kind(b"a;b"), filename="a.csv")
    assert await whole(part["file"]["file_data"]) == uri("text/csv", b"a;b")
    assert await whole(image_part(kind(PNG))["image_url"]["url"]) == uri("image/png", PNG)


async def test_open_file_is_read_from_where_it_stands_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "notas.txt").write_bytes(b"0123" + TEXT)
    with (tmp_path / "notas.txt").open("rb", buffering=0) as file:
        file.seek(4)
        part = file_part(file)
        assert not file.closed
    assert part["file"]["filename"] == "notas.txt"
    assert await whole(part["file"]["file_data"]) == uri("text/plain", TEXT)


def test_open_file_that_is_too_large_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'a.txt' takes 66.7 MB encoded"):
        file_part(io.BytesIO(b"a" * (2 * FILES_LIMIT)), filename="a.txt")
    (tmp_path / "a.txt").write_bytes(TEXT)
    with (tmp_path / "a.txt").open("rb") as closed:
        pass
    with pytest.raises(ConfigurationError, match="'a.txt' cannot be read: .*closed"):
        file_part(closed)
    with (
        (tmp_path / "a.txt").open(encoding="utf-8") as text,
        pytest.raises(ConfigurationError, match="'a.txt' gave str, not bytes: open it with mode 'rb'"),
    ):
        file_part(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [None, 5, ["a.pdf"], object()])
def test_what_is_no_file_is_refused_with_what_a_part_is_made_of(source: Any) -> None:
    for make in (file_part, image_part):
        with pytest.raises(ConfigurationError, match="made of a path, bytes or a binary file, not of"):
            make(source)
    with pytest.raises(ConfigurationError, match="filename must be a string such as 'contrato.pdf', not 5"):
        file_part(b"a;b", filename=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (PDF, "a.exe", r"takes pdf, docx, xlsx, xml, csv, md, txt, png, jpg, jpeg here, not '\.exe'"),
        (PDF, "contrato", "no extension"),
        (PDF, None, "content needs a name"),
        (b"", "a.pdf", "is empty"),
        (PDF, "a.txt", "holds PDF, not text"),
        (TEXT, "a.pdf", "holds text, not PDF"),
        (PNG, "a.jpg", "holds PNG, not JPEG"),
        (ZIP, "a.csv", "holds ZIP, not text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "a.docx", "holds something else, not ZIP"),
        (b"MZ\x00\x01", "a.txt", "holds something else, not text"),
    ],
)
def test_file_that_the_service_would_refuse_is_refused_by_name(
    content: bytes, name: str | None, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        file_part(content, filename=name)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ftp://exemplo.com/a.png", "an image is a path, bytes, an http"),
        ("data:image/gif;base64,R0lGOD", "an image is a path, bytes, an http"),
        ("https://", "an image is a path, bytes, an http"),
        (b"GIF89a", "'image.png' holds text, not PNG"),
        (PDF, "'image.png' holds PDF, not PNG"),
        ("nao-existe.png", r"nao-existe\.png cannot be read"),
        ("nao\0existe.png", "cannot be read"),
        ("nota.pdf", "takes png, jpg, jpeg here"),
    ],
)
def test_image_that_the_service_would_refuse_is_refused(source: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        image_part(source)


def test_document_at_an_address_is_refused_for_it_goes_by_value_only() -> None:
    with pytest.raises(ConfigurationError, match="takes documents by value only"):
        file_part("https://exemplo.com/contrato.pdf")


def test_file_whose_encoding_reaches_the_limit_is_refused() -> None:
    head = len("data:text/plain;base64,")
    most = (FILES_LIMIT - 1 - head) // 4 * 3
    part = file_part(b"a" * most, filename="a.txt")
    assert part["file"]["file_data"].encoded_size < FILES_LIMIT
    with pytest.raises(ConfigurationError, match=r"'a.txt' takes 50\.0 MB encoded"):
        file_part(b"a" * (most + 3), filename="a.txt")


def test_files_of_a_request_are_counted_together_whatever_their_form() -> None:
    half = file_part(b"a" * (FILES_LIMIT * 3 // 8), filename="a.txt")
    written = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (FILES_LIMIT // 2)}}
    one = {"model": "sabia-4", "messages": [{"role": "user", "content": [half]}]}
    assert completion_body(one, stream=False)["messages"][0]["content"] == [half]
    for second in (half, written):
        two = {**one, "messages": [*one["messages"], {"role": "user", "content": [second]}]}
        with pytest.raises(ConfigurationError, match="messages: what their files hold takes"):
            completion_body(two, stream=False)


def test_part_of_a_file_shows_no_content() -> None:
    shown = repr(file_part(b"segredo", filename="a.txt"))
    assert "segredo" not in shown
    assert "7 bytes of content" in shown


async def joined(body: InlinedBody) -> bytes:
    return b"".join([piece async for piece in body.pieces()])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=9), max_size=4), st.text())
def test_body_in_pieces_is_the_body_that_whole_strings_would_give(contents: list[bytes], text: str) -> None:
    files = [InlineFile("text/plain", len(content), content) for content in contents]
    body = {"texto": text, "partes": [{"dado": file, "depois": "ção"} for file in files]}
    strings = {"texto": text, "partes": [{"dado": file.data_uri(), "depois": "ção"} for file in files]}
    sent = sendable_body(body)
    if isinstance(sent, InlinedBody):
        size = sent.headers["Content-Length"]
        first = asyncio.run(joined(sent))
        assert (int(size), first) == (len(first), asyncio.run(joined(sent)))
        sent = first
    assert sent == encode_body(strings) == encode_body(body)


async def test_body_that_needs_escapes_keeps_its_files_in_place() -> None:
    file = InlineFile("text/plain", 3, b"abc")
    sent = sendable_body({"a": file, "b": "\ud83d", "c": file})
    assert isinstance(sent, InlinedBody)
    assert await joined(sent) == encode_body({"a": file.data_uri(), "b": "\ud83d", "c": file.data_uri()})


async def test_large_file_is_read_in_pieces_that_join(tmp_path: Path) -> None:
    content = PDF + os.urandom(1_000_003)
    (tmp_path / "a.pdf").write_bytes(content)
    part = await afile_part(tmp_path / "a.pdf")
    sent = sendable_body({"a": part["file"]["file_data"]})
    assert isinstance(sent, InlinedBody)
    pieces = [piece async for piece in sent.pieces()]
    assert max(map(len, pieces)) <= 2**20
    assert b"".join(pieces) == b'{"a":"' + uri("application/pdf", content).encode() + b'"}'
