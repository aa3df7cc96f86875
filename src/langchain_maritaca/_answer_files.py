"""The files that code execution made, from a LangChain message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maritaca_async.types import GeneratedFile

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def generated_files(message: BaseMessage) -> list[GeneratedFile]:
    """The files that code execution made for an answer; each can be saved.

        for file in generated_files(message):
            print(file.save("resultados"))

    They are also in `message.content_blocks`, and as they came in `message.response_metadata`.

    Args:
        message: An answer of `ChatMaritaca`.
    """
    found = message.response_metadata.get("generated_files") or ()
    return [GeneratedFile.model_validate(file) for file in found]
