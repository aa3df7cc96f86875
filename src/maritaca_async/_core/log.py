"""The library's logger: silent unless the application, or MARITACA_LOG, asks for it.

No line holds a header, a query, or any text of a request or an answer: of an error only its class, its
status and its code are told, because servers quote prompts in their messages.
"""

from __future__ import annotations

import logging
import os

from ..errors import APIError, APIStatusError, APITimeoutError

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


def summary(error: APIError) -> str:
    """An error in a few words, none of which come from a text that people wrote."""
    words = [type(error).__name__]
    if isinstance(error, APIStatusError):
        words.append(str(error.status_code))
        if error.code is not None:
            words.append(f"code {error.code!r}")
    elif isinstance(error, APITimeoutError):
        words.append(error.phase)
    elif error.__cause__ is not None:
        words.append(f"caused by {type(error.__cause__).__name__}")
    if error.request_id is not None:
        words.append(f"request id {error.request_id}")
    return ", ".join(words)
