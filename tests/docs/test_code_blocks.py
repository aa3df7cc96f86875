"""Every Python block of the README and the documentation runs as it stands, quietly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ._blocks import ROOT, Block, blocks_of, run_block

if TYPE_CHECKING:
    from pathlib import Path

    from maritaca_async.sandbox import Sandbox

_PAGES = [*sorted(ROOT.glob("README*.md")), *sorted(ROOT.glob("docs/**/*.md"))]
_BLOCKS = [block for page in _PAGES for block in blocks_of(page, page.relative_to(ROOT).as_posix())]


@pytest.mark.parametrize("block", _BLOCKS, ids=str)
def test_block_runs_clean(block: Block, served: Sandbox, tmp_path: Path) -> None:
    run_block(block, served, tmp_path)


def test_pages_have_scripts_a_web_application_and_a_test_file() -> None:
    assert any(block.is_web_application for block in _BLOCKS)
    assert any(block.is_test_file for block in _BLOCKS)
    assert any(not block.is_web_application and not block.is_test_file for block in _BLOCKS)


def test_block_that_warns_is_noticed(served: Sandbox, tmp_path: Path) -> None:
    leaky = Block("page", 1, "open(__file__)\nprint('fim')\n")
    with pytest.raises(AssertionError, match="ResourceWarning"):
        run_block(leaky, served, tmp_path)


def test_block_that_fails_is_noticed(served: Sandbox, tmp_path: Path) -> None:
    broken = Block("page", 1, "raise SystemExit(3)\n")
    with pytest.raises(AssertionError, match="status 3"):
        run_block(broken, served, tmp_path)


def test_block_that_should_print_and_does_not_is_noticed(served: Sandbox, tmp_path: Path) -> None:
    silent = Block("page", 1, "if not __name__:\n    print('nunca')\n")
    with pytest.raises(AssertionError, match="nothing was printed"):
        run_block(silent, served, tmp_path)
