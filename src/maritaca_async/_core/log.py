"""The library's logger: silent unless the application, or MARITACA_LOG, asks for it."""

from __future__ import annotations

import logging
import os

logger = logging.getLogger("maritaca_async")
logger.addHandler(logging.NullHandler())

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}


def apply_environment() -> None:
    """Write to stderr at the level that MARITACA_LOG names (`info` or `debug`), if it names one."""
    level = _LEVELS.get(os.environ.get("MARITACA_LOG", "").strip().lower())
    if level is None:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
