"""The demo as a stranger meets it: piped, on a terminal, interrupted, and without a key."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._blocks import ROOT, environment, noise

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEADLINE = 18.0
# Makes stdin the controlling terminal, so that Ctrl-C typed there interrupts, then becomes the demo.
_TAKE_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_COMMAND = [sys.executable, "-X", "dev", "-W", "error", str(ROOT / "examples" / "demo.py")]
_ESCAPE = "\x1b"


class _Terminal:
    """The reader's side of a demo that runs on a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._bytes = b""

    @property
    def shown(self) -> str:
        return self._bytes.decode("utf-8", "replace")

    def read_until(self, text: str) -> None:
        while text not in self.shown:
            assert self._read_some(), f"the demo ended without {text!r}:\n{self.shown}"

    def read_to_end(self) -> None:
        while self._read_some():
            pass

    def press_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    def _read_some(self) -> bool:
        try:
            data = os.read(self._master, 4096)
        except OSError:  # Linux says EIO when the last writer has gone
            data = b""
        self._bytes += data
        return bool(data)


@contextmanager
def _demo_on_a_terminal() -> Iterator[_Terminal]:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *_COMMAND],
        env=environment() | {"TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        watchdog = threading.Timer(_DEADLINE, process.kill)
        watchdog.start()
        try:
            yield _Terminal(process, master)
        finally:
            watchdog.cancel()
            process.kill()
            os.close(master)


def _run_piped(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=_DEADLINE,
        check=False,
    )


def test_piped_demo_shows_every_scene_in_plain_text_and_a_gain_from_concurrency() -> None:
    done = _run_piped()
    assert done.returncode == 0, done.stderr
    assert noise(done.stderr) == ""
    assert _ESCAPE not in done.stdout
    assert re.findall(r"^(\d)\. ", done.stdout, re.MULTILINE) == list("12345678")
    for expected in (
        "A capital do Brasil é Brasília.",
        "Era uma vez uma maritaca",
        "ML, ou aprendizado de máquina",
        "10 respostas em",
        "APITimeoutError, relógio “deadline”",
        'consultar_tempo({"cidade": "Recife"})',
        "A capital de Portugal é Lisboa.",
    ):
        assert expected in done.stdout
    found = re.search(r"Uma de cada vez: (\S+) s\. Ao mesmo tempo: (\S+) s\.", done.stdout)
    assert found is not None
    in_turn, concurrently = (float(text.replace(",", ".")) for text in found.groups())
    assert concurrently < in_turn


def test_demo_on_a_terminal_shows_output_before_it_ends() -> None:
    with _demo_on_a_terminal() as terminal:
        terminal.read_until("Era uma vez")
        assert "mais bonito de todos" not in terminal.shown, "the story came all at once"
        assert terminal.process.poll() is None
        assert _ESCAPE in terminal.shown


def test_ctrl_c_ends_the_demo_quietly_with_status_130() -> None:
    with _demo_on_a_terminal() as terminal:
        terminal.read_until("Era uma vez")
        terminal.press_ctrl_c()
        terminal.read_to_end()
        assert terminal.process.wait(_DEADLINE) == 130
    assert "Traceback" not in terminal.shown
    assert "4. " not in terminal.shown


def test_live_demo_without_a_key_says_what_is_missing() -> None:
    done = _run_piped("--live")
    assert done.returncode == 2
    assert "MARITACA_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr
