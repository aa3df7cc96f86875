"""Function tools from types (contract section 11); no I/O."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from .schemas import described_type

if TYPE_CHECKING:
    from .types.chat_params import ToolParam

__all__ = ["function_tool"]


def function_tool(
    arguments: type[Any], *, name: str | None = None, description: str | None = None
) -> ToolParam:
    """A tool whose arguments are a type; `call.function.parsed_arguments(type)` reads them back.

    Args:
        arguments: A pydantic model, dataclass or TypedDict.
        name: What the model calls the function by. Default: the name of the type.
        description: What it does and when to use it. Default: the docstring of the type.

    Raises:
        ConfigurationError: no JSON Schema can be made of the type.
    """
    wanted = described_type(arguments, "arguments")
    said = description or wanted.schema.get("description") or inspect.cleandoc(arguments.__doc__ or "")
    parameters = {key: wanted.schema[key] for key in wanted.schema if key not in ("title", "description")}
    return {
        "type": "function",
        "function": {"name": name or wanted.name, "description": said, "parameters": parameters},
    }
