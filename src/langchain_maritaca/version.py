"""The version, where langchain-maritaca had it."""

from maritaca_async import __version__

__all__ = ["__version__"]
