"""What the sandbox knows: a few answers in Portuguese, and an honest sentence for the rest."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final

from ._prompt import excerpt, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STORY: Final = (
    "Era uma vez uma maritaca que morava no alto de um ipê amarelo. "
    "Todas as manhãs ela voava até a praça para ouvir as histórias das crianças. "
    "Um dia choveu tanto que ninguém apareceu, e a praça ficou em silêncio. "
    "Então a maritaca repetiu, uma por uma, todas as histórias que tinha guardado. "
    "Quando o sol voltou, as crianças a encontraram contando o final mais bonito de todos."
)
_HAIKUS: Final = (
    "Manhã de garoa —\na maritaca verde\nsacode as asas.\n\n"
    "Noite no sertão,\num rádio toca baixinho\na canção do mar."
)
_POEM: Final = (
    "No ipê da avenida, uma ave amanhece,\n"
    "repete o que ouve e jamais se esquece;\n"
    "o vento pergunta, a folha responde,\n"
    "e a língua do povo no verde se esconde."
)

JOKE: Final = (
    "Por que o gato sentou em cima do computador?",
    "Porque queria ficar de olho no mouse.",
)
"""A joke: the question and its answer."""

# Names and patterns are matched against prompts without accents and in lower case.
_DEFINITIONS: Final = {
    "python": (
        "Python é uma linguagem de programação de alto nível, conhecida pela sintaxe clara. "
        "É muito usada em ciência de dados, automação, servidores web e inteligência artificial."
    ),
    "javascript": (
        "JavaScript é a linguagem de programação da web: roda em todos os navegadores e, com o "
        "Node.js, também em servidores. É dinâmica, orientada a eventos e muito popular."
    ),
    "rust": (
        "Rust é uma linguagem de programação de sistemas que garante segurança de memória sem "
        "coletor de lixo. É usada onde desempenho e confiabilidade andam juntos."
    ),
    "ia|ai|inteligencia artificial": (
        "IA, ou inteligência artificial, é a área da computação que cria sistemas capazes de "
        "realizar tarefas que costumam exigir inteligência humana."
    ),
    "ml|machine learning|aprendizado de maquina": (
        "ML, ou aprendizado de máquina, é o ramo da IA em que os programas aprendem padrões a "
        "partir de dados, em vez de seguirem regras escritas à mão."
    ),
    "dl|deep learning|aprendizado profundo": (
        "DL, ou aprendizado profundo, é o ramo do aprendizado de máquina que usa redes neurais "
        "com muitas camadas para reconhecer imagens, sons e textos."
    ),
    "langchain": (
        "LangChain é uma biblioteca para construir aplicações com modelos de linguagem, ligando "
        "modelos, ferramentas e dados em cadeias e agentes."
    ),
}
_ANSWERS: Final = (
    (r"capital d[oe] (brasil|brazil)|capital of brazil", "A capital do Brasil é Brasília."),
    (r"capital da franca|capital of france", "A capital da França é Paris."),
    (r"capital de portugal|capital of portugal", "A capital de Portugal é Lisboa."),
    (
        r"quem e voce|who are you|o que e a maritaca",
        "Sou a sandbox local da Maritaca AI: respondo como a API responde, mas sem um modelo por trás.",
    ),
    (r"haikus?|haicais?", _HAIKUS),
    (r"poemas?|poem|versos?", _POEM),
    (r"historia|story|conto", _STORY),
    (r"piada|joke", " ".join(JOKE)),
    (r"ola|oi|hello|hi|hey|bom dia|boa tarde|boa noite", "Olá! Como posso ajudar você hoje?"),
    (r"como vai|tudo bem|how are you", "Tudo bem, obrigada! E com você?"),
    (r"obrigad[oa]|thanks?", "De nada! Se precisar de mais alguma coisa, é só chamar."),
)
_KNOWN: Final = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), text)
    for pattern, text in (
        *((rf"(?:o que e|what is) (?:o |a )?(?:{name})", text) for name, text in _DEFINITIONS.items()),
        *_ANSWERS,
    )
)

_INTRODUCTION: Final = re.compile(
    r"(?i:\b(?:meu nome é|me chamo|my name is|eu sou|call me))\s+(?:o |a )?([A-ZÀ-Ý][\w-]*)"
)
_ASKS_NAME: Final = re.compile(r"\bmeu nome\b.*\?|\bcomo (eu )?me chamo\b|\bmy name\b.*\?")
_COUNT_TO: Final = re.compile(r"\b(?:conte|contar|count)\b.*?\b(?:ate|to) (\d{1,5})\b")
# Words and the minus sign need spaces around them: 2026-07-17 is a date and 1920x1080 a size.
_SUM: Final = re.compile(
    r"(-?\d{1,9})(?:\s*([+*])\s*|\s+(-|x|vezes|mais|menos|times|plus|minus)\s+)(-?\d{1,9})"
)
_OPERATORS: Final[dict[str, tuple[str, Callable[[int, int], int]]]] = {
    **dict.fromkeys(("+", "mais", "plus"), ("+", operator.add)),
    **dict.fromkeys(("-", "menos", "minus"), ("-", operator.sub)),
    **dict.fromkeys(("*", "x", "vezes", "times"), ("x", operator.mul)),
}


def answer(prompt: str, earlier: Sequence[str] = ()) -> str:
    """Return the reply to a prompt, given what the person said earlier."""
    question = plain(prompt)
    return (
        _remembered_name(question, earlier)
        or _counted(question)
        or _calculated(question)
        or _introduced(prompt)
        or _known(question)
        or _echo(prompt)
    )


def _known(question: str) -> str | None:
    return next((text for pattern, text in _KNOWN if pattern.search(question)), None)


def _introduced(prompt: str) -> str | None:
    match = _INTRODUCTION.search(prompt)
    return match and f"Muito prazer, {match[1]}! Como posso ajudar você?"


def _echo(prompt: str) -> str:
    if not prompt.strip():
        return "Você não perguntou nada, mas estou aqui."
    return (
        f"Você perguntou: “{excerpt(prompt)}”. "
        "Esta é uma resposta de exemplo da sandbox, que não tem um modelo por trás."
    )


def _remembered_name(question: str, earlier: Sequence[str]) -> str | None:
    if not _ASKS_NAME.search(question):
        return None
    for text in reversed(earlier):
        introduced = _INTRODUCTION.search(text)
        if introduced:
            return f"Seu nome é {introduced[1]}."
    return "Você ainda não me disse o seu nome."


def _counted(question: str) -> str | None:
    match = _COUNT_TO.search(question)
    if match is None:
        return None
    return " ".join(str(number) for number in range(1, int(match[1]) + 1))


def _calculated(question: str) -> str | None:
    match = _SUM.search(question)
    if match is None:
        return None
    sign, operation = _OPERATORS[match[2] or match[3]]
    left, right = int(match[1]), int(match[4])
    return f"{left} {sign} {right} é igual a {operation(left, right)}."
