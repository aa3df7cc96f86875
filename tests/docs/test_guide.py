"""The guide that this library exists for: its blocks, taken verbatim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ._blocks import ROOT, Block, blocks_of, run_block

if TYPE_CHECKING:
    from pathlib import Path

    from maritaca_async.sandbox import Sandbox

_GUIDE = ROOT.parent / "shared" / "guide" / "async.pt-br.md"
_BLOCKS = blocks_of(_GUIDE, "guide") if _GUIDE.is_file() else []

pytestmark = pytest.mark.skipif(not _BLOCKS, reason="the guide is not beside this checkout")


@pytest.mark.parametrize("block", _BLOCKS, ids=str)
def test_block_of_the_guide_runs_clean(block: Block, served: Sandbox, tmp_path: Path) -> None:
    run_block(block, served, tmp_path)


def test_guide_has_all_its_blocks() -> None:
    assert len(_BLOCKS) == 7
