"""Files that come with answers: read like the official examples do, saved where they cannot do harm."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async.types import ChatCompletion, ExtractedFile, GeneratedFile
from maritaca_async.types.answer_files import safe_name


def made(filename: str, content: bytes = b"a,b\n") -> GeneratedFile:
    return GeneratedFile(filename=filename, content_base64=base64.b64encode(content).decode())


def test_file_is_written_under_its_name(tmp_path: Path) -> None:
    path = made("vendas de março.csv").save(tmp_path / "novo" / "lugar")
    assert path == tmp_path / "novo" / "lugar" / "vendas de março.csv"
    assert path.read_bytes() == b"a,b\n"


def test_file_never_replaces_another(tmp_path: Path) -> None:
    paths = [made("a.tar.gz", str(number).encode()).save(tmp_path) for number in range(3)]
    assert [path.name for path in paths] == ["a.tar.gz", "a.tar-2.gz", "a.tar-3.gz"]
    assert [path.read_text() for path in paths] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("suggested", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("tabela: 1?.csv", "tabela_ 1_.csv"),
        ("x" * 400 + ".csv", "x" * 196 + ".csv"),
        ("ç" * 400 + ".csv", "ç" * 98 + ".csv"),
    ],
)
def test_suggested_names_are_made_safe(suggested: str, expected: str) -> None:
    assert safe_name(suggested) == expected


@given(st.text(max_size=300) | st.text(min_size=190, max_size=300))
def test_no_name_leads_out_of_the_directory(suggested: str) -> None:
    name = safe_name(suggested)
    assert name not in {"", ".", ".."}
    assert not set(name) & set("/\\\x00:")
    assert len(name.encode()) <= 201


def test_content_that_is_not_base64_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'x.csv' is not Base64"):
        GeneratedFile(filename="x.csv", content_base64="não é!").save(tmp_path / "novo")
    assert not (tmp_path / "novo").exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "'x.csv', but brought no content"),
        ({"size_bytes": 4}, "'x.csv', but brought no content"),
        ({"size_bytes": 4, "content_base64": None}, "'x.csv', but brought no content"),
        ({"size_bytes": 9120, "content_base64": "YSxiCg=="}, "'x.csv' is not whole: 4 bytes of 9,120"),
        ({"size_bytes": 3, "content_base64": "YSxiCg=="}, "'x.csv' is not whole: 4 bytes of 3"),
    ],
)
def test_file_that_did_not_come_whole_is_refused_before_anything_is_written(
    fields: dict[str, object], said: str, tmp_path: Path
) -> None:
    file = GeneratedFile.model_validate({"filename": "x.csv", **fields})
    with pytest.raises(ValueError, match=said):
        file.save(tmp_path / "novo")
    assert not (tmp_path / "novo").exists()
    with pytest.raises(ValueError, match=said):
        _ = file.content


@pytest.mark.parametrize("size", [0, None, 4])
def test_file_is_saved_where_its_size_is_right_or_not_said(size: int | None, tmp_path: Path) -> None:
    fields = {"filename": "x.csv", "size_bytes": size, "content_base64": "YSxiCg=="}
    assert GeneratedFile.model_validate(fields).save(tmp_path).read_bytes() == b"a,b\n"


def test_files_read_like_dictionaries_too() -> None:
    completion = ChatCompletion.model_validate(
        {"extracted_files": [{"filename": "a.pdf", "text": "CLÁUSULA 1", "pages": 2}]}
    )
    (document,) = completion.extracted_files or ()
    assert (document["filename"], document["text"], document["pages"]) == ("a.pdf", "CLÁUSULA 1", 2)
    assert isinstance(document, ExtractedFile)
    with pytest.raises(KeyError):
        document["model_dump"]
