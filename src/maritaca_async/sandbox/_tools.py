"""Whether a reply asks for tools, for which ones, and with what arguments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ._content import suggestion
from ._prompt import Clues, last_user_text, plain, words
from ._request import (
    AssistantMessage,
    ChatRequest,
    Function,
    NamedToolChoice,
    ToolMessage,
    UserMessage,
)
from ._schema import Schema, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

# Words that say nothing about what a tool is for.
_EMPTY_WORDS: Final = """
    a an and are as at be by can do e em for from function get give how i in input is it me my no of
    on or para por que return returns run set o os as um uma the this to tool use user using value
    what with you your na da de do das dos com como consultar buscar obter obtem retorna retornar
    usa usar funcao ferramenta valor qual quais numero numeros number numbers str int float string
    integer object name nome type dado dada dados texto text
"""

_TELL_NOTHING: Final = frozenset(_EMPTY_WORDS.split())

# What people write for an operation, and how the tools for it are called (by their first letters).
_OPERATIONS: Final = (
    ({"+", "mais", "plus", "some", "soma"}, {"soma", "somar", "add", "adder", "adici", "sum"}),
    ({"*", "x", "\u00d7", "vezes", "times", "produto"}, {"multi", "vezes", "times", "produ"}),
    ({"-", "menos", "minus"}, {"subtr", "menos", "minus"}),
    ({"/", "÷", "dividido", "divided"}, {"divid", "divis", "divi"}),
)
_STEM: Final = 5
_TERM: Final = re.compile(r"[^\W\d_]+|(?<=\d)\s*([-+*/x\u00d7÷])\s*(?=-?\d)")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the reply asks for."""

    name: str
    arguments: str


def wanted_calls(request: ChatRequest) -> list[Call]:
    """Return the calls that a sensible model would make now; empty means it answers in text."""
    functions = [tool.function for tool in request.tools]
    chosen = _chosen(request, functions)
    if request.parallel_tool_calls is False:
        chosen = chosen[:1]
    clues = Clues(last_user_text(request))
    return [_call(function, clues) for function in chosen]


def _chosen(request: ChatRequest, functions: Sequence[Function]) -> list[Function]:
    choice = request.tool_choice
    if isinstance(choice, NamedToolChoice):
        return [function for function in functions if function.name == choice.function.name]
    if not functions or choice == "none":
        return []
    asked = isinstance(request.messages[-1], UserMessage)
    if choice == "required":
        fresh = functions if asked else _not_called_yet(request, functions)
        return _asked_for(last_user_text(request), fresh) or [fresh[0]]
    return _asked_for(last_user_text(request), functions) if asked else []


def _not_called_yet(request: ChatRequest, functions: Sequence[Function]) -> Sequence[Function]:
    """Return the tools unused since the person spoke, so that a forced loop moves on."""
    called: set[str] = set()
    for message in request.messages:
        if isinstance(message, UserMessage):
            called.clear()
        elif isinstance(message, AssistantMessage):
            called.update(call.function.name for call in message.tool_calls or ())
    fresh = [function for function in functions if function.name not in called]
    return fresh or functions[-1:]


def _asked_for(prompt: str, functions: Sequence[Function]) -> list[Function]:
    """Return the tools that a prompt asks for, in the order it mentions them."""
    text = plain(prompt)
    # A name such as `get_weather` is never written by accident, unlike `clima`.
    literal = {f.name: text.find(plain(f.name)) for f in functions if len(words(f.name)) > 1}
    by_words = {f.name: _first_mention(text, words(f.name)) for f in functions}
    for positions in (literal, by_words):
        found = [f for f in functions if positions.get(f.name, -1) >= 0]
        if found:
            return _without_parts_of_others(sorted(found, key=lambda f: positions[f.name]), text)
    return [f for f in functions if _first_mention(text, _described_by(f)) >= 0][:1]


def _without_parts_of_others(found: list[Function], text: str) -> list[Function]:
    """Leave out a tool whose name only occurs as a part of another one's."""
    rest = text
    kept = []
    for function in sorted(found, key=lambda f: -len(f.name)):
        name = plain(function.name)
        if name not in text or name in rest:
            kept.append(function.name)
        rest = rest.replace(name, " ")
    return [function for function in found if function.name in kept]


def _described_by(function: Function) -> list[str]:
    properties = function.parameters.get("properties", {})
    texts = [function.description or "", *properties]
    texts += [str(schema.get("description", "")) for schema in properties.values()]
    return [word for text in texts for word in words(text)]


def _first_mention(text: str, candidates: Sequence[str]) -> int:
    """Return where a text first mentions one of these words, or -1."""
    stems = {word[:_STEM] for word in candidates if word not in _TELL_NOTHING and len(word) > 2}
    signs = {sign for written, names in _OPERATIONS if stems & names for sign in written}
    for term in _TERM.finditer(text):
        if term[0][:_STEM] in stems or (term[1] or term[0]) in signs:
            return term.start()
    return -1


def _call(function: Function, clues: Clues) -> Call:
    def suggest(name: str, schema: Schema) -> Any:
        return suggestion(name, schema, clues)

    clues.start_over()
    schema = {"type": "object", **function.parameters}
    arguments = sample(schema, suggest, optional=bool(function.strict))
    return Call(function.name, json.dumps(arguments, ensure_ascii=False))


def tool_results(request: ChatRequest) -> list[tuple[str, str]]:
    """Return (tool name, result) of every tool message at the end of the conversation."""
    names = {
        call.id: call.function.name
        for message in request.messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or ()
    }
    results: list[tuple[str, str]] = []
    for message in reversed(request.messages):
        if not isinstance(message, ToolMessage):
            break
        results.insert(0, (names[message.tool_call_id], message.content))
    return results
