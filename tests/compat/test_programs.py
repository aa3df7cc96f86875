"""Programs written for the `openai` SDK, run by it and by this library: a table of programs by clients.

Those in `programs/` run with `maritaca_async` once their import line and their constructor line are
changed, and nothing else. Those in `differences/` need the further changes that `DIFFERENCES` lists.
Each ends with what it prints, whichever client runs it. The blocking columns run the same programs
without `async` and `await`.
"""

from __future__ import annotations

import contextlib
import gc
import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from maritaca_async.sandbox import Fault, Sandbox

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("programs/*.py"))
DIFFERENT = sorted(HERE.glob("differences/*.py"))
CLIENTS = ("openai", "openai-blocking", "maritaca", "maritaca-blocking")

DIFFERENCES: dict[str, dict[str, str]] = {
    "batch_errors": {
        # A list of messages, whichever of its three shapes the service sends.
        "error.message for error in batch.errors.data": "error for error in batch.errors",
    },
    "closing_by_hand": {
        "stream.close()": "stream.aclose()",
        "client.close()": "client.aclose()",
    },
    "dictionaries": {
        # Maritaca's own fields are known here, and have types.
        'completion.model_extra["extracted_files"]': "completion.extracted_files",
        "completion.to_dict()": "completion.model_dump(exclude_unset=True)",
    },
    "error_message_and_body": {
        # The body as it came, as text: that of a proxy is no JSON.
        'error.body["message"]': "error.body",
        "error.response.headers": "error.http.headers",
    },
    "file_saved": {
        # One name for what writes a file, here as with the files that code execution makes.
        "content.write_to_file(path)": "content.save(path)",
    },
    "pages_by_hand": {
        "page.has_next_page()": "page.has_more",
        "page.get_next_page()": "page.next_page()",
    },
}
"""What else has to change in a program, and into what."""

KNOBS: dict[str, dict[str, Any]] = {"batch_cancelled": {"batch_seconds": 0.4}, "timeouts": {"latency": 0.3}}
"""How the sandbox has to behave for a program."""

AT_ONCE = {"Retry-After": "0"}
REFUSAL = {"error": {"message": "não há", "code": "nope", "type": "invalid_request_error", "param": "model"}}
FAULTS: dict[str, list[Fault]] = {
    "error_details": [Fault(status=400, body=REFUSAL)],
    "error_message_and_body": [Fault(status=400, body=REFUSAL, headers={"X-Why": "porque não"})],
    "rate_limits": [
        Fault(status=429, headers={**AT_ONCE, "X-Request-Id": "req-7"}),
        Fault(status=500),
        Fault(status=429, headers=AT_ONCE),
        Fault(status=503, headers=AT_ONCE),
    ],
}
"""What goes wrong, request by request, before the sandbox answers a program well."""

BLOCKING = {
    r"\b(async|await) ": "",
    r"\bAsync(OpenAI|Maritaca)\b": r"\1",
    r"\.aclose\(\)": ".close()",
    r"\basyncio\.run\(main\(\)\)": "main()",
    r"\basyncio\b": "time",
}
"""Patterns that make a blocking program of an asynchronous one."""


def ported(source: str) -> str:
    """The program for this library: another import line, another constructor line."""
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if line.startswith("from openai import "):
            lines[number] = line.replace("openai", "maritaca_async").replace("AsyncOpenAI", "AsyncMaritaca")
        elif "AsyncOpenAI(" in line:
            lines[number] = line.replace("AsyncOpenAI(", "AsyncMaritaca(")
    return "\n".join(lines)


def replaced(source: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        source = source.replace(old, new)
    return source


def blocking(source: str) -> str:
    for pattern, new in BLOCKING.items():
        source = re.sub(pattern, new, source)
    return source


def variant(path: Path, client: str) -> str:
    """The program as a client runs it."""
    source = path.read_text(encoding="utf-8")
    if client.startswith("maritaca"):
        source = replaced(ported(source), DIFFERENCES.get(path.stem, {}))
    return blocking(source) if client.endswith("blocking") else source


def printed_by(source: str) -> str:
    """What a program prints; everything that it leaves open is gone when this returns."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(source, "program", "exec"), {"__name__": "__main__"})
    gc.collect()
    return output.getvalue()


def expected(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").split("\n# prints:\n")[1].splitlines(keepends=True)
    return "".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def cells() -> list[Any]:
    return [
        pytest.param(path, client, id=f"{path.stem}-{client}")
        for path in PROGRAMS + DIFFERENT
        for client in CLIENTS
        # Many calls at once are what a blocking client cannot do.
        if not (client.endswith("blocking") and "asyncio.gather" in path.read_text(encoding="utf-8"))
    ]


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    name = request.getfixturevalue("path").stem
    with Sandbox(api_key="certa", **KNOBS.get(name, {})) as running:
        running.inject(*FAULTS.get(name, []))
        monkeypatch.setenv("MARITACA_API_KEY", running.api_key)
        monkeypatch.setenv("MARITACA_API_BASE", running.base_url)
        yield running


@pytest.mark.parametrize(("path", "client"), cells())
def test_program_prints_the_same_with_every_client(path: Path, client: str, sandbox: Sandbox) -> None:
    with warnings.catch_warnings():
        if client.startswith("openai"):
            warnings.simplefilter("ignore")  # it leaves connections open that nobody closed
        printed = printed_by(variant(path, client))
    assert printed == expected(path)
    assert sandbox.requests


@pytest.mark.parametrize("path", PROGRAMS + DIFFERENT, ids=lambda path: path.stem)
def test_import_and_constructor_lines_are_all_that_names_the_client(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    changed = [
        old for old, new in zip(source.split("\n"), ported(source).split("\n"), strict=True) if old != new
    ]
    assert len(changed) == 2
    assert changed[0].startswith("from openai import ")
    assert "AsyncOpenAI(" in changed[1]
    _title, *code = ported(source).split("\n")
    assert "openai" not in "\n".join(code).lower()


@pytest.mark.parametrize("path", DIFFERENT, ids=lambda path: path.stem)
def test_every_difference_is_one(path: Path, sandbox: Sandbox) -> None:
    changes = DIFFERENCES[path.stem]
    source = ported(path.read_text(encoding="utf-8"))
    for name in changes:
        others = {old: new for old, new in changes.items() if old != name}
        assert source.count(name) == 1
        with pytest.raises((AttributeError, KeyError, TypeError)):
            sandbox.reset()
            sandbox.inject(*FAULTS.get(path.stem, []))
            printed_by(replaced(source, others))
