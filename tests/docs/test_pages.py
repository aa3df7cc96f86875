"""The Portuguese and the English pages say the same things in the same places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from maritaca_async import errors

from ._blocks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_FENCED = re.compile(r"^```(\w*)\n.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
_FIRST_SCREEN = 40

_CORE_PAGES = {
    "async",
    "blocking",
    "client",
    "documents-and-images",
    "errors-and-retries",
    "files-and-batches",
    "flex",
    "hooks-and-proxies",
    "index",
    "many-calls",
    "rate-limits",
    "responses",
    "sandbox",
    "structured-answers",
    "tokens-and-costs",
}
_LANGCHAIN_PAGES = {
    "agents",
    "caching",
    "callbacks",
    "chat-model",
    "context-window",
    "embeddings",
    "migration-from-chatopenai",
    "migration-from-langchain-maritaca",
    "multimodal",
    "streaming",
    "structured-output",
    "tools",
}

_PORTUGUESE, _ENGLISH = ROOT / "docs" / "pt-br", ROOT / "docs" / "en"
_PAIRS = [
    ("README", ROOT / "README.pt-br.md", ROOT / "README.md"),
    *((page.stem, page, _ENGLISH / page.name) for page in sorted(_PORTUGUESE.glob("*.md"))),
]
_READMES = pytest.mark.parametrize("name", ["README.md", "README.pt-br.md"])


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _headings(page: Path) -> list[str]:
    prose = _FENCED.sub("", _text(page))
    return re.findall(r"^(#+) ", prose, re.MULTILINE)


def _fences(page: Path) -> list[str]:
    return _FENCED.findall(_text(page))


def test_both_languages_have_the_same_pages() -> None:
    assert {page.name for page in _PORTUGUESE.iterdir()} == {page.name for page in _ENGLISH.iterdir()}
    assert {page.stem for page in _PORTUGUESE.iterdir()} >= _CORE_PAGES | _LANGCHAIN_PAGES


@pytest.mark.parametrize(("portuguese", "english"), [pair[1:] for pair in _PAIRS], ids=[p[0] for p in _PAIRS])
def test_both_languages_have_the_same_headings_and_blocks(portuguese: Path, english: Path) -> None:
    assert _headings(portuguese) == _headings(english)
    assert _fences(portuguese) == _fences(english)


@_READMES
def test_first_screen_of_the_readme_names_both_commands(name: str) -> None:
    first_screen = _text(ROOT / name).splitlines()[:_FIRST_SCREEN]
    assert any("make demo" in line for line in first_screen)
    assert any("make test" in line for line in first_screen)
    assert any("pip install maritaca-async" in line for line in first_screen)


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    links = [(page, link) for page in pages for link in _LINK.findall(_FENCED.sub("", _text(page)))]
    dead = [
        f"{page.relative_to(ROOT)}: {link}"
        for page, link in links
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert links
    assert dead == []


@pytest.mark.parametrize("folder", [_PORTUGUESE, _ENGLISH])
def test_tree_of_the_errors_names_every_one(folder: Path) -> None:
    named = {name for name in errors.__all__ if name.endswith("Error")}
    for text in (_text(folder / "errors-and-retries.md"), errors.__doc__ or ""):
        tree = text.partition("```text\n")[2].partition("```")[0]
        assert named <= set(re.findall(r"\w+", tree))
