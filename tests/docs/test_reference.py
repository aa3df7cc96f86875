"""The reference names everything public once, in both languages, and the site shows it all."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from functools import cache, cached_property
from typing import TYPE_CHECKING

import pytest

from maritaca_async import AsyncMaritaca, Maritaca

from ._blocks import ROOT, environment
from ._reference import LANGUAGES, directives, documented, find, internal, misplaced, pages, public_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from griffe import Alias, Object

_HEADING = re.compile(r'<h\d id="([^"]+)" class="doc')
_FOREIGN = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//[^"]+"')
_CROSS_REFERENCE = re.compile(r'<a class="autorefs[^>]+href="([^"#]*)#')
# What LangChain and pydantic call or read; no reader does.
_HOOK = re.compile(r"on_\w+|run_inline|model_post_init|model_config")


@cache
def _shown() -> list[str]:
    return [find(name).canonical_path for names in documented("en").values() for name in names]


def test_both_languages_show_the_same_objects_in_the_same_places() -> None:
    english, portuguese = (pages(language) for language in LANGUAGES)
    assert english.keys() == portuguese.keys()
    for name, page in english.items():
        other = portuguese[name]
        assert directives(page) == directives(other), name
        assert re.findall(r"^#+ ", page, re.MULTILINE) == re.findall(r"^#+ ", other, re.MULTILINE), name


def test_every_public_name_stands_on_one_page_and_no_other() -> None:
    missing, doubled = misplaced(public_names(), _shown())
    assert missing == [], "show them on a page in docs/en/reference and docs/pt-br/reference"
    assert doubled == []


def test_missing_and_doubled_names_are_noticed() -> None:
    assert misplaced(["a", "b"], ["a", "a", "c"]) == (["b"], ["a"])


@pytest.mark.parametrize("client", [AsyncMaritaca, Maritaca])
def test_page_of_the_clients_leads_to_every_area(client: type) -> None:
    areas = {type(area) for area in _areas(client("key"))}
    assert len(areas) == 6
    names = {f"{area.__module__}.{area.__qualname__}" for area in areas}
    assert names <= set(_shown())
    for language in LANGUAGES:
        assert not [name for name in names if f"][{name}] |" not in pages(language)["client"]]


def _areas(owner: object) -> Iterator[object]:
    later = [name for name, made in vars(type(owner)).items() if isinstance(made, cached_property)]
    for name in [*vars(owner), *later]:
        if not name.startswith("_"):
            area = getattr(owner, name)
            yield area
            yield from _areas(area)


def test_index_leads_to_every_page() -> None:
    for language in LANGUAGES:
        texts = pages(language)
        linked = re.findall(r"^\| \[[^]]+\]\(([\w-]+)\.md\)", texts["index"], re.MULTILINE)
        assert sorted(linked) == sorted(texts.keys() - {"index"})


@pytest.mark.parametrize(
    "method",
    ["AsyncStream.start", "AsyncStream.occupy", "AsyncMap.begin", "AsyncMap.fail", "Hooks.tell_retry"],
)
def test_method_that_only_the_library_calls_is_left_out(method: str) -> None:
    assert _is_internal(f"maritaca_async.{method}")


def test_attribute_of_a_shown_class_says_its_type() -> None:
    classes = [find(name) for names in documented("en").values() for name in names]
    untyped = [
        member.path
        for found in classes
        if found.is_class and not any("Enum" in str(base) for base in found.bases)
        for name, member in found.all_members.items()
        if member.is_attribute
        and member.has_docstring
        and not _HOOK.fullmatch(name)
        and not name.startswith("_")
        if member.annotation is None
    ]
    assert untyped == []


@pytest.mark.timeout(240)
def test_site_builds_and_shows_every_docstring_in_both_languages(tmp_path: Path) -> None:
    _build(tmp_path)
    for language in LANGUAGES:
        _check_chrome(tmp_path / language, language.partition("-")[0])
        for name, identifiers in documented(language).items():
            page = (tmp_path / language / "reference" / f"{name}.html").read_text(encoding="utf-8")
            anchors = set(_HEADING.findall(page))
            assert set(_anchors(identifiers)) - anchors == set(), name
            assert [anchor for anchor in anchors if _is_internal(anchor)] == [], name
            text = _read(page)
            assert [line for line in _first_lines(identifiers) if line not in text] == [], name
            assert not [target for target in _CROSS_REFERENCE.findall(page) if "../" in target], name
    chat = (tmp_path / "en" / "reference" / "chat.html").read_text(encoding="utf-8")
    assert 'href="chat-parameters.html#maritaca_async.types.CompletionParams"' in chat
    home = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{language}/index.html"' in home for language in LANGUAGES)


def _build(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=environment() | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _check_chrome(folder: Path, language: str) -> None:
    """The theme speaks the language of the page, and nothing comes from another host."""
    found = sorted(folder.rglob("*.html"))
    assert found
    for path in found:
        page = path.read_text(encoding="utf-8")
        assert f'<html lang="{language}"' in page, path.name
        assert _FOREIGN.findall(page) == [], path.name


def _anchors(identifiers: list[str]) -> Iterator[str]:
    """Where each object and each of its members begins."""
    for identifier in identifiers:
        yield identifier
        yield from (f"{identifier}.{name}" for name in _members(identifier))


def _is_internal(anchor: str) -> bool:
    owner, _, name = anchor.rpartition(".")
    left_out = internal().get(owner)
    return left_out is not None and left_out.search(name) is not None


def _first_lines(identifiers: list[str]) -> Iterator[str]:
    """What the docstring of each object and each of its members begins with."""
    for identifier in identifiers:
        for found in (find(identifier), *_members(identifier).values()):
            if found.docstring is not None:
                yield _letters(found.docstring.value.splitlines()[0])


def _members(identifier: str) -> dict[str, Object | Alias]:
    """The documented members of a class, with those that it has from classes that no page shows."""
    found = find(identifier)
    if not found.is_class:
        return {}
    elsewhere = set(_shown()) - {found.canonical_path}
    return {
        name: member
        for name, member in found.all_members.items()
        if member.has_docstring
        and not name.startswith("_")
        and not _HOOK.fullmatch(name)
        and not _is_internal(f"{identifier}.{name}")
        and member.canonical_path.rpartition(".")[0] not in elsewhere
    }


def _read(page: str) -> str:
    return _letters(html.unescape(re.sub(r"<[^>]+>", "", page)))


def _letters(text: str) -> str:
    """Text without what Markdown and HTML make of spaces and signs."""
    return re.sub(r"[\W_]+", "", text)
