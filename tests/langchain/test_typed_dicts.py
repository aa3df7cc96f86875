"""TypedDicts as the schema of an answer; as tools they are tested with the tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import pytest
from pydantic import Field

from langchain_maritaca import ChatMaritaca
from langchain_maritaca._schemas import json_schema

pytestmark = pytest.mark.filterwarnings("ignore::langchain_maritaca._formats.ChatMaritacaSchemaWarning")

MakeModel = Callable[..., ChatMaritaca]
PROMPT = "Ana Souza tem 30 anos"
METHODS = ("json_schema", "function_calling")


class Endereco(TypedDict, total=False):
    """Um endereço."""

    rua: Annotated[str, ..., "Nome da rua"]
    numero: int


class Morador(TypedDict):
    """Quem mora onde."""

    nome: Annotated[str, Field(description="O nome", max_length=80)]
    idade: NotRequired[Annotated[int, ..., "Em anos"]]
    apelido: Required[str | None]
    enderecos: list[Endereco]
    cor: Annotated[Literal["azul", "verde", "rosa"], "azul", "A cor"]


class Ramo(TypedDict):
    """Um ramo de uma árvore."""

    nome: str
    ramos: NotRequired[list[Ramo]]


@pytest.mark.parametrize("method", [*METHODS, "json_mode"])
@pytest.mark.parametrize(
    ("schema", "required"), [(Morador, {"nome", "apelido", "enderecos"}), (Ramo, {"nome"})]
)
def test_typed_dict_with_optional_or_recursive_keys_is_filled(
    make_model: MakeModel, method: Any, schema: Any, required: set[str]
) -> None:
    found = make_model().with_structured_output(schema, method=method).invoke(f"JSON: {PROMPT}")
    assert isinstance(found, dict)
    if method != "json_mode":
        assert found.keys() >= required


def test_schema_of_a_typed_dict_says_what_its_annotations_say() -> None:
    schema = json_schema(Morador)
    assert schema["required"] == ["nome", "apelido", "enderecos"]
    assert (schema["title"], schema["description"]) == ("Morador", "Quem mora onde.")
    assert schema["properties"] == {
        "nome": {"type": "string", "description": "O nome", "maxLength": 80},
        "idade": {"type": "integer", "description": "Em anos"},
        "apelido": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "cor": {
            "enum": ["azul", "verde", "rosa"],
            "type": "string",
            "default": "azul",
            "description": "A cor",
        },
        "enderecos": {
            "type": "array",
            "items": {
                "title": "Endereco",
                "description": "Um endereço.",
                "type": "object",
                "properties": {
                    "rua": {"type": "string", "description": "Nome da rua"},
                    "numero": {"type": "integer"},
                },
            },
        },
    }


def test_typed_dict_without_a_docstring_has_no_description() -> None:
    class Mudo(TypedDict):
        nome: str

    assert "description" not in json_schema(Mudo)
