"""What a prompt gives away: plain words, numbers, quoted strings, names and places."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ._request import ChatRequest, Message, TextPart, UserMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

StringClue: TypeAlias = Literal["quoted", "people", "places", "names"]
"""The kinds of strings that a prompt offers."""

_WORD: Final = re.compile(r"[^\W\d_]+")
_NUMBER: Final = re.compile(r"(?<![\w.,)])-?\d+(?:[.,]\d+)?(?!\w)|(?<=[-+*/x\u00d7^(])\d+(?:[.,]\d+)?")
_QUOTED: Final = re.compile(r"(?<!\w)['\"\u201c\u2018«`]([^'\"\u2018-\u201d«»`]+)['\"\u201d\u2019»`](?!\w)")
_CAPITALISED: Final = r"[A-ZÀ-Ý][\w'-]*(?:\s+(?:(?:d[aeo]s?|of|the)\s+)?[A-ZÀ-Ý][\w'-]*)*(?:,\s*[A-Z]{2}\b)?"
_PLACE: Final = re.compile(rf"\b(?:em|in|no|na|at|para|de|do|da|for|from)\s+({_CAPITALISED})")
_QUESTION: Final = (
    "(?:qua(?:l|is|nto|nta|ntos|ntas|ndo)|que|quem|onde|como|isto|isso|ela|ele|"
    "what|which|who|where|when|how|it|this|that|there)"
)
_SAID_OF_PEOPLE: Final = r"(?:tem|é|mora|vive|trabalha|nasceu|is|has|lives|works|was|\d+ (?:anos|years))"
_PERSON: Final = re.compile(rf"\b(?!(?i:{_QUESTION})\b)({_CAPITALISED})(?=,?\s+{_SAID_OF_PEOPLE}\b)")
_NAME: Final = re.compile(rf"(?<![.?!]\s)(?<!^)\b({_CAPITALISED})")


def plain(text: str) -> str:
    """Return a text in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[str]:
    """Return the plain words of a text or of an identifier in any case style."""
    return _WORD.findall(plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ")))


def text_of(message: Message) -> str:
    """Return the text of a message, its other parts left out."""
    content = message.content
    if isinstance(content, list):
        return "\n".join(part.text for part in content if isinstance(part, TextPart))
    return content or ""


def last_user_text(request: ChatRequest) -> str:
    """Return what the person said last."""
    texts = [text_of(message) for message in request.messages if isinstance(message, UserMessage)]
    return texts[-1] if texts else ""


def excerpt(text: str, limit: int = 80) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + "…"


class Clues:
    """Values that a prompt offers for the arguments of a call, each handed out once."""

    def __init__(self, text: str) -> None:
        """Read the prompt."""
        quoted = _QUOTED.findall(text)
        self.text = text
        self._numbers = [_number(match) for match in _NUMBER.findall(text)]
        self._strings: dict[StringClue, list[str]] = {
            "quoted": quoted,
            "people": _PERSON.findall(text),
            "places": _PLACE.findall(text),
            "names": [name for name in _NAME.findall(text) if name.strip("'") not in quoted],
        }
        self._numbers_left = list(self._numbers)
        self._strings_left: dict[StringClue, list[str]] = {
            kind: list(found) for kind, found in self._strings.items()
        }

    def start_over(self) -> None:
        """Begin another call: what is left comes first, what is used up may be used again."""
        self._numbers_left = self._numbers_left or list(self._numbers)
        for kind, left in self._strings_left.items():
            self._strings_left[kind] = left or list(self._strings[kind])

    def next_number(self, *, whole: bool) -> float | None:
        """Return the next number that was not handed out yet."""
        for number in self._numbers_left:
            if number == int(number) or not whole:
                self._numbers_left.remove(number)
                return int(number) if number == int(number) else number
        return None

    def next_string(self, *kinds: StringClue) -> str | None:
        """Return the next string of the first of these kinds that has one left."""
        for kind in kinds:
            if self._strings_left[kind]:
                return self._take(self._strings_left[kind][0])
        return None

    def _take(self, text: str) -> str:
        for left in self._strings_left.values():
            if text in left:
                left.remove(text)
        return text

    def mentioned(self, options: Sequence[Any]) -> Any:
        """Return the first option that the prompt mentions, or None."""
        said = set(words(self.text))
        for option in options:
            wanted = words(str(option))
            if wanted and said.issuperset(wanted):
                return option
        return None


def _number(text: str) -> float:
    return float(text.replace(",", "."))
