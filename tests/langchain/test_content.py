"""What a user shows or hands over, from every kind of block to the parts of a request."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage, HumanMessage

from langchain_maritaca import ChatMaritaca, ChatMaritacaConfigurationError
from langchain_maritaca._files import DOCUMENTS, Unusable, checked_uri, data_uri
from langchain_maritaca._payload import wire_messages
from maritaca_async.sandbox import Sandbox

PNG_URI = "data:image/png;base64,QUJD"
IMAGE = {"type": "image_url", "image_url": {"url": PNG_URI}}
PDF_URI = "data:application/pdf;base64,QUJD"
TINY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def one(message: BaseMessage) -> dict[str, Any]:
    (wire,) = wire_messages([message])
    return wire


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("Olá", {"type": "text", "text": "Olá"}),
        (
            {"type": "text", "text": "Olá", "cache_control": {}, "id": "x"},
            {"type": "text", "text": "Olá"},
        ),
        ({**IMAGE, "extras": {}}, IMAGE),
        ({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}, "https://x/y.png"),
        ({"type": "image_url", "image_url": "https://x/y.png"}, "https://x/y.png"),
        ({"type": "image", "url": "https://x/y.png", "id": "lc_1"}, "https://x/y.png"),
        ({"type": "image", "base64": "QUJD", "mime_type": "image/png"}, IMAGE),
        ({"type": "image", "source_type": "base64", "data": "QUJD", "mime_type": "image/png"}, IMAGE),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            IMAGE,
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}, "https://x/y.png"),
        ({"type": "text-plain", "text": "Olá", "mime_type": "text/plain"}, {"type": "text", "text": "Olá"}),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Olá"}},
            {"type": "text", "text": "Olá"},
        ),
        ({"type": "image", "url": PNG_URI}, IMAGE),
        ({"type": "image", "base64": "QUJD", "mime_type": "IMAGE/PNG"}, IMAGE),
        ({"type": "image_url", "image_url": "HTTPS://x/y.png"}, "HTTPS://x/y.png"),
    ],
)
def test_user_block_becomes_a_part(block: Any, part: Any) -> None:
    if isinstance(part, str):
        part = {"type": "image_url", "image_url": {"url": part}}
    assert one(HumanMessage([block]))["content"] == [part]


@pytest.mark.parametrize(
    ("block", "filename"),
    [
        ({"base64": "QUJD", "mime_type": "application/pdf", "filename": "a.pdf"}, "a.pdf"),
        ({"base64": "QUJD", "mime_type": "application/pdf", "extras": {"filename": "b.pdf"}}, "b.pdf"),
        ({"base64": "QUJD", "mime_type": "application/pdf", "metadata": {"filename": "c.pdf"}}, "c.pdf"),
        ({"base64": "QUJD", "mime_type": "application/pdf"}, "file.pdf"),
        ({"file": {"filename": "d.pdf", "file_data": PDF_URI}}, "d.pdf"),
        ({"file": {"file_data": PDF_URI}}, "file.pdf"),
    ],
)
def test_document_always_has_a_name_with_an_extension(block: dict[str, Any], filename: str) -> None:
    wire = one(HumanMessage([{"type": "file", **block}]))
    assert wire["content"] == [{"type": "file", "file": {"filename": filename, "file_data": PDF_URI}}]


@pytest.mark.parametrize(
    ("mime", "sent", "filename"),
    [
        ("text/csv", "text/csv", "file.csv"),
        ("text/plain", "text/plain", "file.txt"),
        ("text/plain; charset=utf-8", "text/plain;charset=utf-8", "file.txt"),
        ("application/xml", "application/xml", "file.xml"),
        ("text/xml", "application/xml", "file.xml"),
        ("text/x-markdown", "text/markdown", "file.md"),
        ("image/jpg", "image/jpeg", "file.jpeg"),
        ("Application/PDF", "application/pdf", "file.pdf"),
    ],
)
def test_type_of_a_document_is_spelt_as_documented_and_gives_the_default_name(
    mime: str, sent: str, filename: str
) -> None:
    uri = f"data:{sent};base64,QUJD"
    given = [
        {"type": "file", "base64": "QUJD", "mime_type": mime},
        {"type": "file", "file": {"file_data": f"data:{mime};base64,QUJD"}},
        {"type": "document", "source": {"type": "base64", "media_type": mime, "data": "QUJD"}},
    ]
    wire = one(HumanMessage(given))
    assert wire["content"] == [{"type": "file", "file": {"filename": filename, "file_data": uri}}] * 3


@pytest.mark.parametrize(
    ("filename", "sent"),
    [
        ("a.csv", "text/csv"),
        ("A.MD", "text/markdown"),
        ("a.pdf", "application/pdf"),
        ("a.zip", "application/pdf"),
        ("contrato", "application/pdf"),
    ],
)
def test_document_that_langchain_takes_for_a_pdf_has_the_type_of_its_name(
    make_model: Callable[..., ChatMaritaca], sandbox: Sandbox, filename: str, sent: str
) -> None:
    pdf = base64.b64encode(b"%PDF-1.4\n1 0 obj << /Type /Page >> endobj\n%%EOF").decode()
    data = "QUJD" if sent.startswith("text/") else pdf
    block = {
        "type": "file",
        "file": {"filename": filename, "file_data": f"data:{sent};base64,{data}"},
    }
    make_model().invoke([HumanMessage([{"type": "text", "text": "Resuma."}, block])])
    part = sandbox.requests[-1].body["messages"][0]["content"][1]
    assert part["file"] == {"filename": filename, "file_data": f"data:{sent};base64,{data}"}


def test_document_in_a_data_uri_is_sent_as_the_very_same_text() -> None:
    # A copy of a large file would cost what the file does.
    uri = PDF_URI.replace("QUJD", "QUJD" * 5000)
    wire = one(HumanMessage([{"type": "file", "file": {"file_data": uri}}]))
    assert wire["content"][0]["file"]["file_data"] is uri


def test_plain_text_by_value_becomes_a_text_file() -> None:
    wire = one(HumanMessage([{"type": "text-plain", "base64": "QUJD"}]))
    assert wire["content"][0]["file"] == {
        "filename": "file.txt",
        "file_data": "data:text/plain;base64,QUJD",
    }


PDF_BLOCK = {"type": "file", "mime_type": "application/pdf"}
PNG_BLOCK = {"type": "image", "mime_type": "image/png"}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "audio", "base64": "QUJD", "mime_type": "audio/wav"}, "text, images and files only"),
        ({"type": "video", "url": "https://x/y.mp4"}, "text, images and files only"),
        ({"type": "tool_result", "content": "x"}, "text, images and files only"),
        ({"type": "text"}, "text, images and files only"),
        (3, "of type 'int'"),
        ({"type": "file", "url": "https://x/y.pdf"}, "by value"),
        ({"type": "file", "file_id": "f1"}, "by value"),
        ({"type": "file", "file": {"file_id": "f1"}}, "by value"),
        ({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}}, "by value"),
        ({"type": "text-plain", "url": "https://x/y.txt"}, "by value"),
        ({"type": "file", "base64": "QUJD"}, "its type is None"),
        (
            {"type": "file", "base64": "QUJD", "mime_type": "application/zip"},
            "'application/zip', and Maritaca",
        ),
        ({"type": "file", "file": {"file_data": "QUJD"}}, "must be a data URI"),
        ({"type": "file", "file": {"file_data": "data:application/pdf,QUJD"}}, "must be in base64"),
        ({"type": "file", "file": {"file_data": "data:x/y;base64,QUJD"}}, "'x/y'"),
        ({**PDF_BLOCK, "base64": PDF_URI}, "without 'data:...;base64,' in front"),
        ({**PDF_BLOCK, "base64": b"QUJD"}, "base64.b64encode(content).decode()"),
        ({**PDF_BLOCK, "base64": 3}, "must be a str, not int"),
        ({**PDF_BLOCK, "base64": "QUJ"}, "multiple of 4"),
        ({**PDF_BLOCK, "base64": "QUJD\nQUJ"}, "without line breaks"),
        ({**PDF_BLOCK, "base64": "QU-_"}, "not valid"),
        ({**PDF_BLOCK, "base64": "QUJD" * 9000 + "QU=D"}, "not valid"),
        ({**PDF_BLOCK, "base64": "QUJD" * 9000 + "QUJá" + "QUJD" * 9000}, "not valid"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,"}}, "it is empty"),
        ({"type": "image", "file_id": "f1"}, "needs a url"),
        ({"type": "image", "base64": "QUJD"}, "its type is None"),
        ({**PNG_BLOCK, "base64": "QUJD", "mime_type": "image/webp"}, "only image/jpeg, image/png"),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "QUJD"}},
            "'image/gif'",
        ),
        ({"type": "image_url", "image_url": {"url": "data:image/gif;base64,QUJD"}}, "'image/gif'"),
        ({"type": "image_url", "image_url": {"url": "file:///tmp/a.png"}}, "send a local file as base64"),
        ({"type": "image_url", "image_url": "foto.png"}, "send a local file as base64"),
        ({"type": "image_url"}, "http(s) URL"),
    ],
)
def test_block_that_cannot_be_sent_is_named_by_place_and_type(block: Any, said: str) -> None:
    message = HumanMessage("x").model_copy(update={"content": ["Veja:", block]})
    with pytest.raises(ChatMaritacaConfigurationError, match=re.escape(said)) as caught:
        wire_messages([HumanMessage("Oi"), message])
    assert str(caught.value).startswith("messages[1]: content[1] of type ")


def test_files_of_a_request_have_one_limit_together(
    make_model: Callable[..., ChatMaritaca], sandbox: Sandbox
) -> None:
    base64_text = "A" * (25 * 2**20)
    blocks = [{**PDF_BLOCK, "base64": base64_text}, {**PNG_BLOCK, "base64": base64_text}]
    with pytest.raises(ChatMaritacaConfigurationError, match="50.0 MB encoded.*less than 50 MB"):
        make_model().invoke([HumanMessage(blocks[:1]), HumanMessage(blocks[1:])])
    assert sandbox.requests == []


@given(st.binary(min_size=1, max_size=6000), st.sampled_from(sorted(DOCUMENTS)))
def test_whatever_a_file_holds_its_base64_is_taken(content: bytes, mime: str) -> None:
    data = base64.b64encode(content).decode()
    uri = data_uri(mime, data, DOCUMENTS)
    assert checked_uri(uri, DOCUMENTS) is uri
    assert base64.b64decode(uri.partition(",")[2]) == content


@given(st.text(max_size=80))
def test_what_is_taken_for_base64_can_be_decoded(text: str) -> None:
    try:
        uri = data_uri("text/plain", text, DOCUMENTS)
    except Unusable:
        return
    base64.b64decode(uri.partition(",")[2], validate=True)


@pytest.mark.parametrize("form", ["block", "uri"])
def test_judging_a_large_file_takes_no_longer_than_copying_it_a_few_times(form: str) -> None:
    data = "QUJD" * (10 * 2**20)
    block = {**PDF_BLOCK, "base64": data}
    if form == "uri":
        block = {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{data}"}}
    message = HumanMessage("x").model_copy(update={"content": [block]})
    started = time.process_time()
    wire_messages([message])
    assert time.process_time() - started < 0.5


def test_refused_file_never_reaches_the_service(
    make_model: Callable[..., ChatMaritaca], sandbox: Sandbox
) -> None:
    message = HumanMessage([{"type": "file", "url": "https://x/y.pdf"}])
    model = make_model()
    for ask in (model.invoke, lambda messages: list(model.stream(messages))):
        with pytest.raises(ChatMaritacaConfigurationError, match="by value"):
            ask([message])
    assert sandbox.requests == []


def test_documents_and_images_come_back_as_text(make_model: Callable[..., ChatMaritaca]) -> None:
    csv = base64.b64encode("cidade,açaí\n".encode()).decode()
    blocks = [
        {"type": "text", "text": "Resuma."},
        {"type": "file", "base64": csv, "mime_type": "text/csv", "filename": "a.csv"},
        {
            "type": "document",
            "title": "b.xml",
            "source": {"type": "base64", "media_type": "text/xml", "data": csv},
        },
        {"type": "image", "url": "https://example.com/foto.png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": TINY_PNG}},
    ]
    answer = make_model().invoke([HumanMessage(blocks)])
    files = answer.response_metadata["extracted_files"]
    assert [file["filename"] for file in files[:3]] == ["a.csv", "b.xml", "https://example.com/foto.png"]
    assert files[0]["text"] == files[1]["text"] == "cidade,açaí\n"
