"""Values for the fields of a schema, chosen from the prompt where it offers any."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from ._answers import JOKE, answer
from ._prompt import Clues, StringClue, excerpt, words
from ._schema import Schema, sample


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known about fields whose name has one of these words."""

    names: frozenset[str]
    clues: tuple[StringClue, ...] = ()
    default: str | None = None


def _kind(names: str, *clues: StringClue, default: str | None = None) -> _Kind:
    return _Kind(frozenset(names.split()), clues, default)


_KINDS: Final = (
    _kind("setup", default=JOKE[0]),
    _kind("punchline", default=JOKE[1]),
    _kind(
        "cidade city location local localizacao lugar place destino origem",
        "places",
        "names",
        "quoted",
        default="São Paulo",
    ),
    _kind("capital", default="Brasília"),
    _kind("pais country", "places", default="Brasil"),
    _kind(
        "nome name pessoa person cliente customer autor author",
        "people",
        "quoted",
        "names",
        default="Maria Silva",
    ),
    _kind("email", "quoted", default="maria@example.com"),
    _kind("telefone phone", "quoted", default="+55 11 5555-0100"),
    _kind("data date dia day", "quoted", default="2026-07-17"),
    _kind("unidade unit", "quoted", default="celsius"),
    _kind("profissao cargo profession job", "quoted", default="engenheira"),
    _kind("titulo title", "quoted", "names", default="Um título de exemplo"),
    _kind("expressao expression codigo code query consulta busca search", "quoted"),
)
_ANSWERS: Final = frozenset({"resposta", "answer", "resumo", "summary", "explicacao", "explanation"})
_NUMBERS: Final = {
    "idade": 30,
    "age": 30,
    "ano": 2026,
    "year": 2026,
    "nota": 8,
    "rating": 8,
    "confianca": 0.9,
    "confidence": 0.9,
}
_JSON_KEY: Final = re.compile(r"['\"`“]([A-Za-zÀ-ÿ_][\w-]{0,40})['\"`”]")


def suggestion(name: str, schema: Schema, clues: Clues) -> Any:
    """Return a value for one field, or None when the prompt and the name suggest none."""
    if "enum" in schema:
        return clues.mentioned(schema["enum"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        number = clues.next_number(whole=kind == "integer")
        defaults = (_NUMBERS[word] for word in words(name) if word in _NUMBERS)
        return next(defaults, None) if number is None else number
    if kind == "boolean":
        return None
    return _string(set(words(name)), clues)


def _string(name: set[str], clues: Clues) -> str:
    if name <= _ANSWERS:
        return answer(clues.text)
    for kind in _KINDS:
        if name & kind.names:
            found = clues.next_string(*kind.clues)
            return found or kind.default or clues.text
    return clues.next_string("quoted", "names") or excerpt(clues.text) or "exemplo"


def json_for(schema: Schema, prompt: str) -> str:
    """Return JSON text that satisfies a schema."""
    clues = Clues(prompt)
    value = sample(schema, lambda name, node: suggestion(name, node, clues))
    return json.dumps(value, ensure_ascii=False)


def some_json(prompt: str) -> str:
    """Return a JSON object with the keys that a prompt names in quotes."""
    keys = _JSON_KEY.findall(prompt)
    if not keys:
        return json.dumps({"resposta": answer(prompt)}, ensure_ascii=False)
    # The quoted words are the keys here, so they must not come back as values.
    clues = Clues(_JSON_KEY.sub(" ", prompt))
    found = {key: suggestion(key, {"type": _json_type(key)}, clues) for key in keys}
    return json.dumps(found, ensure_ascii=False)


def _json_type(key: str) -> str:
    return "integer" if set(words(key)) & _NUMBERS.keys() else "string"
