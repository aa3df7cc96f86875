"""The distribution `langchain-maritaca` beside ours: importing says what to uninstall."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
WHERE = "import langchain_maritaca; print(langchain_maritaca.ChatMaritaca.__module__)"


def run(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, folders))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )


def install_other(folder: Path, *, metadata: bool = True) -> None:
    record = folder / "langchain_maritaca-0.4.1.dist-info"
    record.mkdir(parents=True)
    if metadata:
        record.joinpath("METADATA").write_text(
            "Metadata-Version: 2.4\nName: langchain-maritaca\nVersion: 0.4.1\n"
        )


def install_ours(folder: Path) -> None:
    for package in ("maritaca_async", "langchain_maritaca"):
        folder.joinpath(package).symlink_to(SOURCE / package)
    record = folder / "maritaca_async-0.1.0.dist-info"
    record.mkdir()
    record.joinpath("METADATA").write_text("Metadata-Version: 2.4\nName: maritaca-async\nVersion: 0.1.0\n")


def test_import_alone_is_quiet(tmp_path: Path) -> None:
    install_ours(tmp_path)
    done = run(WHERE, tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("langchain_maritaca.chat_models", "")


def test_import_refuses_mixed_files_and_says_what_to_run(tmp_path: Path) -> None:
    install_ours(tmp_path)
    install_other(tmp_path)
    done = run(WHERE, tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: langchain-maritaca 0.4.1 is installed beside maritaca-async")
    assert "`pip uninstall langchain-maritaca`" in last
    assert "`pip install --force-reinstall --no-deps maritaca-async`" in last


def test_refusal_comes_before_files_that_may_be_overwritten_are_read(tmp_path: Path) -> None:
    code = "import sys\ntry: import langchain_maritaca\nexcept ImportError as error: print(error.name)\nprint([m for m in sys.modules if m.startswith(('maritaca_async', 'langchain_maritaca.chat'))])"
    install_ours(tmp_path)
    install_other(tmp_path)
    assert run(code, tmp_path).stdout.split("\n")[:2] == ["langchain_maritaca", "[]"]


def test_import_warns_of_the_other_in_another_folder(tmp_path: Path) -> None:
    install_other(tmp_path)
    done = run(WHERE, SOURCE, tmp_path)
    assert done.stdout.strip() == "langchain_maritaca.chat_models"
    assert (
        "<string>:1: UserWarning: langchain-maritaca 0.4.1 is installed beside maritaca-async" in done.stderr
    )
    assert f"it is in {tmp_path}" in done.stderr
    assert "`pip uninstall langchain-maritaca`" in done.stderr


def test_remains_of_a_removed_distribution_are_no_matter(tmp_path: Path) -> None:
    install_ours(tmp_path)
    install_other(tmp_path, metadata=False)
    done = run(WHERE, tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("langchain_maritaca.chat_models", "")


def test_core_does_not_mind(tmp_path: Path) -> None:
    install_ours(tmp_path)
    install_other(tmp_path)
    done = run("import maritaca_async", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
