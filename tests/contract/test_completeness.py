"""Nothing of the contract's tables and samples is left out of ours; read from the contract, where it is at hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutants import places, value_at

from . import documents, parameters, values
from .fields import KINDS
from .routes import ROUTES

ROOT = Path(__file__).parents[2]
_CONTRACT = ROOT.parent / "shared" / "maritaca-api.md"
_TEXT = _CONTRACT.read_text(encoding="utf-8") if _CONTRACT.is_file() else ""
_SECTIONS = {
    int(number): text
    for number, text in re.findall(r"^## (\d+)\.(.*?)(?=^## |\Z)", _TEXT, re.MULTILINE | re.DOTALL)
}
SECTIONS = range(5, 21)

pytestmark = pytest.mark.skipif(not _SECTIONS, reason="the contract is not beside this checkout")

NOT_OURS = {
    "GET /batches/{id}/status": "not to be relied on",
    "GET /batches/{id}/results": "not to be relied on",
    "response.": "the prefix of the names below it",
}
"""Names in the first column of a table that have no entry, with the reason."""


def rows(section: int) -> Iterator[list[str]]:
    """The cells of all tables of a section, without their separators."""
    for line in _SECTIONS[section].splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            yield line.strip("| ").split(" | ")


def marked(text: str) -> list[str]:
    """What stands in code marks, blocks aside."""
    return re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", text))


def bare(name: str) -> str:
    """A field's name without brackets and indices."""
    return re.sub(r"\[\d*\]", "", name)


def suffixes(name: str) -> Iterator[str]:
    steps = bare(name).split(".")
    yield from (".".join(steps[start:]) for start in range(len(steps)))


def entries(section: int) -> set[str]:
    """Every name under which our tables have something of a section."""
    named = [parameter.name for parameter in parameters.ALL if parameter.section == section]
    named += [name for kind in KINDS.values() if kind.section == section for name in kind.unset]
    found = {suffix for name in named for suffix in suffixes(name)} | {bare(name) for name in named}
    found |= {name.partition(".")[0] for name in named}
    if section == 9:
        found |= {item["type"] for item in documents.WHOLE_RESPONSE["output"]}
    if section == 10:
        events = [event for stream in documents.RESPONSE_STREAMS.values() for event in stream]
        found |= {event["type"].removeprefix("response.") for event in events}
    return found | set(ROUTES)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_name_in_a_first_column_has_an_entry(section: int) -> None:
    names = [name for cells in rows(section) for name in marked(cells[0])]
    known = entries(section)
    spelt = {bare(re.sub(r":.*", "", name)).lstrip(".") for name in names if not name.startswith("{")}
    missing = {name for name in spelt if name not in known and name not in NOT_OURS}
    assert not missing


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w+", text))


def words_in(value: Any) -> set[str]:
    """Every name and text of a document."""
    if isinstance(value, dict):
        return words(" ".join(value)).union(*map(words_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(words_in, value))
    return words(value) if isinstance(value, str) else set()


def our_words() -> set[str]:
    """Every word of our tables, documents and samples."""
    found = set().union(*map(entries, SECTIONS))
    spelt = {word for name in found for word in words(name)}
    given = [part for parameter in parameters.ALL for part in (parameter.given, parameter.sent)]
    answers = [kind.document for kind in KINDS.values()]
    documented = [*documents.OUTPUT_LINES.values(), documents.INPUT_LINE, *documents.ERRORS.values()]
    keywords = [
        *values.REFUSED_KEYWORDS.values(),
        *map(values.schema_with, values.ACCEPTED_KEYWORDS.values()),
    ]
    listed = [list(values.BATCH_STATUSES), *map(list, values.VALUES.values()), keywords]
    return spelt.union(*map(words_in, [*given, *answers, *documented, *listed]))


NO_NAMES = {
    **dict.fromkeys(("bool", "true", "false"), "how JSON and the tables write flags"),
    **dict.fromkeys(("call_", "cea_", "xxx", "mime"), "parts of made-up ids and of placeholders"),
    **dict.fromkeys(("File", "Batch", "Model"), "the tables' names for objects"),
    "basic": "was withdrawn in December 2025",
    "maritalk": "another client",
    "results": "a route that is not to be relied on",
}
"""Words that are no parameter, field or value, with what they are."""


@pytest.mark.parametrize("section", SECTIONS)
def test_every_word_in_code_marks_of_a_table_is_in_ours(section: int) -> None:
    text = _SECTIONS[section] if section in (15, 16, 19) else "\n".join(map(" | ".join, rows(section)))
    found = {word for span in marked(text) for word in words(span)}
    assert found - our_words() - NO_NAMES.keys() == set()


def test_every_exception_is_still_needed() -> None:
    assert not our_words() & NO_NAMES.keys()
    first = {name for section in SECTIONS for cells in rows(section) for name in marked(cells[0])}
    assert NOT_OURS.keys() <= first


# Samples


@pytest.mark.parametrize("section", [*SECTIONS, 22])
def test_every_block_is_among_the_samples(section: int) -> None:
    blocks = re.findall(r"(?ms)^```\w*\n(.*?)^```$", _SECTIONS[section])
    assert blocks == [documents.sample(name) for name in BLOCKS.get(section, ())]


BLOCKS = {
    6: ["06-completion.json"],
    7: ["07-grammar.txt", "07-text.sse", "07-tool-call.sse"],
    9: ["09-response.json"],
    10: ["10-grammar.txt", "10-text.sse"],
    18: ["18-lines.jsonl"],
    22: ["22-cost.txt"],
}
"""The blocks of samples and grammar of each section, in order."""


def objects_in(value: Any) -> list[Any]:
    return [value, *(value_at(value, place) for place in places(value))]


def test_every_object_in_the_text_is_in_ours() -> None:
    given = [part for parameter in parameters.ALL for part in (parameter.given, parameter.sent)]
    known = [
        found
        for value in [*given, *documents.ERRORS.values(), documents.DELETED]
        for found in objects_in(value)
    ]
    for section in SECTIONS:
        for span in marked(_SECTIONS[section]):
            if span.startswith("{") and (found := loaded(span)):
                assert found in known, span


def loaded(span: str) -> Any:
    """The object of a span; None where it is only the outline of one."""
    try:
        return json.loads(span)
    except ValueError:
        return None


def test_frame_in_the_text_is_among_the_samples() -> None:
    frames = [span for span in marked(_SECTIONS[10]) if span.startswith("data: {")]
    assert [f"event: response.failed\n{frame}\n" for frame in frames] == [documents.sample("10-failed.sse")]
