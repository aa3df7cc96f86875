"""An object to ask for, and answers that are none, or only half of one."""

from __future__ import annotations

from typing import Any

from answers import call, completion
from pydantic import BaseModel, Field

PROMPT = "Ana Souza tem 30 anos"


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str
    idade: int = Field(ge=0, le=150)


SCHEMA = {
    "title": "pessoa",
    "type": "object",
    "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}},
    "required": ["nome", "idade"],
}
HALF = '{"nome": "Ana Souza", "idade": 3'
WRONG = '{"nome": "Ana", "idade": -1}'
REFUSAL = {"content": None, "refusal": "Não posso ajudar com isso."}
CALLED = "function_calling"


def calling(arguments: str, finish: str = "tool_calls", name: str = "Pessoa") -> dict[str, Any]:
    return completion({"content": None, "tool_calls": [call(arguments, name=name)]}, finish)


# What the service answers, what the error says, and what it keeps of the answer.
BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("json_schema", completion({"content": HALF}, "length"), "max_tokens", HALF),
    ("json_schema", completion({"content": HALF}, "content_filter"), "content_filter", HALF),
    ("json_schema", completion({"content": HALF}), "not JSON", HALF),
    ("json_schema", completion({"content": ""}), "the answer is empty", ""),
    ("json_schema", completion({"content": None}), "the answer is empty", ""),
    ("json_schema", completion({"content": " \n "}, "length"), "max_tokens", " \n "),
    ("json_schema", completion({"content": "Não posso"}), "not JSON", "Não posso"),
    ("json_schema", completion({"content": f"```json\n{HALF}\n```"}), "not JSON", f"```json\n{HALF}\n```"),
    ("json_schema", completion({"content": '{"idade": NaN}'}), "not JSON", '{"idade": NaN}'),
    ("json_schema", completion({"content": "[" * 100_000}), "not JSON", "[" * 100_000),
    ("json_schema", completion({"content": WRONG}), "idade", WRONG),
    ("json_schema", completion({"content": "null"}), "does not fit Pessoa", "null"),
    ("json_schema", completion(REFUSAL), "refused to answer: 'Não posso", "Não posso ajudar com isso."),
    ("json_mode", completion({"content": WRONG}), "idade", WRONG),
    (CALLED, completion(REFUSAL), "refused to answer: 'Não posso", "Não posso ajudar com isso."),
    (CALLED, completion({"content": "Não posso"}), "no valid call", "Não posso"),
    (CALLED, calling(WRONG), "idade", WRONG),
    (CALLED, calling(WRONG, name="Outra"), "no valid call of the function 'Pessoa'", WRONG),
    # A stream closes broken arguments with a bracket, so that nobody repairs them.
    (CALLED, calling(HALF, "length"), "max_tokens", HALF),
    (CALLED, calling(HALF), "no valid call", HALF),
]
