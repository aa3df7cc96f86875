"""The Python blocks of Markdown pages, and the processes they run in."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maritaca_async.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 15.0
QUESTION = "Qual é a capital do Brasil?"

_PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
# What asyncio's debug mode says on a busy machine; it depends on the machine, not on the code.
_SLOW_CALLBACK = re.compile(r"Executing <.* took \d+\.\d+ seconds")
# The settings of this repository, for pages that show test files.
_PYTEST_SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


@dataclass(frozen=True)
class Block:
    """One block of a page, verbatim."""

    page: str
    number: int
    code: str

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"

    @property
    def is_test_file(self) -> bool:
        return re.search(r"^(async )?def test_", self.code, re.MULTILINE) is not None

    @property
    def is_web_application(self) -> bool:
        return "= FastAPI(" in self.code

    @property
    def prints(self) -> bool:
        return "print(" in self.code


def blocks_of(page: Path, name: str) -> list[Block]:
    """The Python blocks of a page, in order."""
    found = _PYTHON_BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(name, number, code) for number, code in enumerate(found, 1)]


def environment(sandbox: Sandbox | None = None) -> dict[str, str]:
    """What a fresh shell has, with the two variables of a sandbox."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    if sandbox is not None:
        kept |= {"MARITACA_API_KEY": sandbox.api_key, "MARITACA_API_BASE": sandbox.base_url}
    return kept


def run_block(block: Block, sandbox: Sandbox, folder: Path) -> None:
    """Run a block as a reader would, and check that it ends well and quietly.

    Raises:
        AssertionError: another exit status than 0, something on stderr, or nothing printed.
    """
    if block.is_web_application:
        _serve(block, sandbox, folder)
    elif block.is_test_file:
        _run_as_tests(block, sandbox, folder)
    else:
        _run_as_script(block, sandbox, folder)


def noise(stderr: str) -> str:
    """What is left of stderr without the remarks of asyncio's debug mode."""
    return "\n".join(line for line in stderr.splitlines() if not _SLOW_CALLBACK.search(line))


def _run_as_script(block: Block, sandbox: Sandbox, folder: Path) -> None:
    (folder / "example.py").write_text(block.code, encoding="utf-8")
    done = _python(["example.py"], environment(sandbox), folder)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr}"
    assert not noise(done.stderr), f"on stderr: {done.stderr}"
    assert done.stdout.strip() or not block.prints, "nothing was printed"


def _run_as_tests(block: Block, sandbox: Sandbox, folder: Path) -> None:
    (folder / "test_example.py").write_text(block.code, encoding="utf-8")
    (folder / "pytest.ini").write_text(_PYTEST_SETTINGS, encoding="utf-8")
    done = _python(["-m", "pytest", "-q", "-p", "no:cacheprovider"], environment(sandbox), folder)
    assert done.returncode == 0, f"status {done.returncode}: {done.stdout}{done.stderr}"
    assert not noise(done.stderr), f"on stderr: {done.stderr}"
    assert re.search(r"\b\d+ passed\b", done.stdout), done.stdout


def _serve(block: Block, sandbox: Sandbox, folder: Path) -> None:
    (folder / "example.py").write_text(block.code, encoding="utf-8")
    with _uvicorn(environment(sandbox), folder) as (address, server):
        described = _fetch(f"{address}/openapi.json")
        path, body = _first_post(json.loads(described))
        answer = _fetch(address + path, body)
        assert "Brasília" in answer, f"the server answered {answer}"
        server.send_signal(signal.SIGINT)
        rest = server.communicate()[1]
    assert server.returncode in (0, 130, -signal.SIGINT), f"status {server.returncode}: {rest}"
    unexpected = [line for line in noise(rest).splitlines() if not line.startswith("INFO:")]
    assert not unexpected, f"on stderr: {unexpected}"


@contextmanager
def _uvicorn(env: Mapping[str, str], folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [*_interpreter(), "-m", "uvicorn", "example:app", "--port", "0", "--no-use-colors"]
    with subprocess.Popen(
        command,
        env=env,
        cwd=folder,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as server:
        watchdog = threading.Timer(DEADLINE, server.kill)
        watchdog.start()
        try:
            yield _address(server), server
        finally:
            watchdog.cancel()
            server.kill()


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    said = ""
    for line in server.stderr:
        said += line
        if found := re.search(r"running on (http://\S+)", line):
            return found[1]
    raise AssertionError(f"the server did not start:\n{said}")


def _first_post(description: dict[str, object]) -> tuple[str, dict[str, str]]:
    """The path of the first POST route, and a body in which every field holds the question."""
    paths = description["paths"]
    assert isinstance(paths, dict)
    path, operation = next((path, methods["post"]) for path, methods in paths.items() if "post" in methods)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for part in schema["$ref"].removeprefix("#/").split("/"):
        description = description[part]  # type: ignore[assignment]
    fields = description["properties"]
    assert isinstance(fields, dict)
    return path, dict.fromkeys(fields, QUESTION)


def _fetch(url: str, body: dict[str, str] | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE) as response:
        return response.read().decode("utf-8")


def _interpreter() -> list[str]:
    return [sys.executable, "-X", "dev", "-W", "error"]


def _python(
    arguments: Sequence[str], env: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_interpreter(), *arguments],
        env=env,
        cwd=folder,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
