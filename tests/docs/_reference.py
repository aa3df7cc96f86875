"""What the reference pages name, read from their Markdown and from the source without running it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from griffe import GriffeLoader, Object

from ._blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from griffe import Alias, Module

LANGUAGES = ("en", "pt-br")
PACKAGES = ("maritaca_async", "langchain_maritaca")

_DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
_DIRECTIVE_WITH_OPTIONS = re.compile(r"^::: .*\n(?: +.*\n)*", re.MULTILINE)

_FILTERS = re.compile(r'^ +filters: \["!\^_", "!(.+)"\]$', re.MULTILINE)


def folder(language: str) -> Path:
    """Where a language has its reference pages."""
    return ROOT / "docs" / language / "reference"


def pages(language: str) -> dict[str, str]:
    """The text of each page."""
    found = sorted(folder(language).glob("*.md"))
    return {page.stem: page.read_text(encoding="utf-8") for page in found}


def directives(page: str) -> list[str]:
    """What a page asks for, in order, with its options."""
    return _DIRECTIVE_WITH_OPTIONS.findall(page)


@cache
def internal() -> dict[str, re.Pattern[str]]:
    """By identifier, the members that its page leaves out, for no reader calls them."""
    found = {}
    for page in pages(LANGUAGES[0]).values():
        for directive in directives(page):
            if filters := _FILTERS.search(directive):
                found[_DIRECTIVE.findall(directive)[0]] = re.compile(filters[1])
    return found


@cache
def source() -> GriffeLoader:
    """Both packages as they are written."""
    loader = GriffeLoader(search_paths=[ROOT / "src"])
    for package in PACKAGES:
        loader.load(package)
    loader.resolve_aliases(implicit=False, external=False)
    return loader


def find(identifier: str) -> Object | Alias:
    """What an identifier stands for.

    Raises:
        KeyError: nothing.
    """
    return source().modules_collection[identifier]


def named(identifier: str) -> list[str]:
    """The objects that an identifier puts on a page: itself, or what a module exports."""
    found = find(identifier)
    if not found.is_module:
        return [identifier]
    return [f"{identifier}.{name}" for name in found.exports or ()]


def documented(language: str) -> dict[str, list[str]]:
    """The identifiers of the objects on each page."""
    return {
        name: [each for identifier in _DIRECTIVE.findall(page) for each in named(identifier)]
        for name, page in pages(language).items()
    }


def public_names() -> set[str]:
    """Everything that a public module exports, by where it is defined."""
    modules = [module for package in PACKAGES for module in _public_modules(find(package))]
    return {
        find(f"{module.path}.{name}").canonical_path for module in modules for name in module.exports or ()
    }


def _public_modules(module: Module) -> Iterator[Module]:
    yield module
    for child in module.modules.values():
        if not child.name.startswith("_"):
            yield from _public_modules(child)


def misplaced(public: Iterable[str], shown: Iterable[str]) -> tuple[list[str], list[str]]:
    """The public names that no page shows, and the names that are shown more than once."""
    times = Counter(shown)
    return sorted(set(public) - times.keys()), sorted(name for name, count in times.items() if count > 1)
