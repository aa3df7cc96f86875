"""Types become schemas that the service takes, and texts become values of the type or a named problem."""

from __future__ import annotations

import dataclasses
import enum
import json
import logging
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from maritaca_async import ConfigurationError, function_tool
from maritaca_async.resources._answer_format import AnswerFormat, UnreadableAnswer, answer_format
from maritaca_async.sandbox._schema import unsupported_in
from maritaca_async.schemas import REFUSED_KEYWORDS, breached_limits, closed_schema, reduced_schema
from maritaca_async.types import Function


class Cor(enum.Enum):
    AZUL = "azul"
    VERDE = "verde"


class Endereco(BaseModel):
    rua: str = Field(min_length=1)
    numero: int | None = None


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str = Field(min_length=2, max_length=80, pattern="^[A-Z]")
    idade: int = Field(ge=0, le=150)
    nascimento: date | None = None
    saldo: Decimal = Decimal(0)
    cor: Cor = Cor.AZUL
    enderecos: list[Endereco] = Field(default=[], min_length=0, max_length=3)


class No(BaseModel):
    valor: int
    filhos: list[No] = []


@dataclasses.dataclass
class Ponto:
    x: float
    y: Annotated[float, Field(gt=0)]


class Livro(TypedDict):
    titulo: str
    ano: int


FORMS = [Pessoa, No, Ponto, Livro, list[Endereco]]


def keywords(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(keywords, schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema).union(*map(keywords, schema.values()))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_schema_of_a_type_is_one_that_the_service_takes(form: Any) -> None:
    schema = AnswerFormat(form, "response_format").schema
    assert unsupported_in(schema) is None
    assert not keywords(schema) & (REFUSED_KEYWORDS | {"allOf"})
    assert "$ref" not in schema


def test_objects_are_closed_unless_they_say_what_else_they_take() -> None:
    class Aberto(BaseModel):
        model_config = ConfigDict(extra="allow")
        extras: dict[str, int] = {}
        endereco: Endereco

    schema = AnswerFormat(Aberto, "x").schema
    assert schema["additionalProperties"] is True
    assert schema["properties"]["extras"]["additionalProperties"] == {"type": "integer"}
    assert schema["$defs"]["Endereco"]["additionalProperties"] is False


def test_reduction_names_what_it_leaves_out_and_keeps_properties_that_are_called_like_keywords() -> None:
    schema = {
        "type": "object",
        "properties": {
            "format": {"type": "string", "format": "date"},
            "notas": {"type": "array", "items": {"type": "number", "maximum": 10}, "minItems": 1},
            "tipo": {"allOf": [{"$ref": "#/$defs/Tipo"}], "default": {"minimum": 1}},
        },
        "$defs": {"Tipo": {"enum": ["pattern"], "pattern": "x"}},
    }
    before = json.dumps(schema)
    reduced, left_out = reduced_schema(schema, "Raiz")
    assert json.dumps(schema) == before
    assert reduced["properties"] == {
        "format": {"type": "string"},
        "notas": {"type": "array", "items": {"type": "number"}},
        "tipo": {"$ref": "#/$defs/Tipo", "default": {"minimum": 1}},
    }
    assert left_out == {
        "Raiz.format": {"format": "date"},
        "Raiz.notas[]": {"maximum": 10},
        "Raiz.notas": {"minItems": 1},
        "Tipo": {"pattern": "x"},
    }
    assert closed_schema(reduced)["additionalProperties"] is False


def test_all_of_that_is_no_single_schema_is_refused_with_its_place() -> None:
    schema = {"properties": {"a": {"allOf": [{"type": "string"}, {"type": "integer"}]}}}
    with pytest.raises(ConfigurationError, match=r"^Raiz\.a: Maritaca refuses allOf"):
        reduced_schema(schema, "Raiz")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {f"p{n}": {} for n in range(101)}}, "101 properties"),
        ({"enum": list(range(501))}, "501 enum values"),
        ({"enum": ["x" * 40 + str(n) for n in range(251)]}, "an enum of more than 250 texts"),
        ({"properties": {"x" * 15_000: {}}}, "15000 characters"),
    ],
)
def test_documented_limits_are_told_in_words(schema: dict[str, Any], said: str) -> None:
    assert any(said in breach for breach in breached_limits(schema))
    assert breached_limits({"properties": {"a": {"enum": [1]}}}) == []


def test_type_beyond_a_limit_is_warned_about_and_sent(caplog: pytest.LogCaptureFixture) -> None:
    many: Any = Literal[tuple(f"valor{n}" for n in range(501))]  # type: ignore[valid-type]
    with caplog.at_level(logging.WARNING, "maritaca_async"):
        AnswerFormat(many, "response_format")
    assert "501 enum values, more than 500: Maritaca may refuse it" in caplog.text


@pytest.mark.parametrize("form", [3, "texto", object(), lambda: 1, None.__class__.__mro__])
def test_what_has_no_schema_is_refused_by_the_name_of_its_parameter(form: Any) -> None:
    with pytest.raises(ConfigurationError, match="response_format must be a pydantic model"):
        AnswerFormat(form, "response_format")


def test_schema_of_a_type_is_made_once() -> None:
    assert answer_format(Pessoa, "x") is answer_format(Pessoa, "x")


def test_name_has_only_the_characters_that_a_name_may_have() -> None:
    class Endereço(BaseModel):
        rua: str

    assert AnswerFormat(Endereço, "x").name == "Endere_o"
    assert AnswerFormat(list[int], "x").name == "list"
    assert AnswerFormat(int | str, "x").name == "answer"


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        (Livro, '{"titulo": "Dom Casmurro", "ano": 1899}', {"titulo": "Dom Casmurro", "ano": 1899}),
        (Ponto, ' \n{"x": 1, "y": 2.5}\n', Ponto(1, 2.5)),
        (No, '{"valor": 1, "filhos": [{"valor": 2}]}', No(valor=1, filhos=[No(valor=2)])),
        (Endereco, '```json\n{"rua": "```A```"}\n```', Endereco(rua="```A```")),
        (list[int], "[1, 2]", [1, 2]),
        (Decimal, "1.25", Decimal("1.25")),
    ],
)
def test_text_becomes_a_value_of_the_type(form: Any, text: str, value: Any) -> None:
    assert AnswerFormat(form, "x").read(text) == value


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("", "empty", "empty"),
        (" \n\t", "empty", "empty"),
        ("```json\n\n```", "empty", "empty"),
        ("Claro! Aqui está.", "invalid_json", "not JSON"),
        ('{"x": 1, "y": 2', "invalid_json", "not JSON"),
        ('{"x": NaN, "y": 2}', "invalid_json", "NaN is no JSON"),
        ('Aqui: {"x": 1, "y": 2}', "invalid_json", "not JSON"),
        ("[" * 100_000, "invalid_json", "not JSON"),
        ("null", "mismatch", "does not fit Ponto"),
        ("[]", "mismatch", "does not fit Ponto"),
        ('{"x": 1}', "mismatch", "y: Field required"),
        ('{"x": 1, "y": -2}', "mismatch", "y: Input should be greater than 0"),
        ('{"x": "\\ud800", "y": 1}', "mismatch", "does not fit Ponto"),
    ],
)
def test_text_that_is_no_such_value_is_named_and_never_repaired(text: str, reason: str, said: str) -> None:
    with pytest.raises(UnreadableAnswer, match=said) as caught:
        AnswerFormat(Ponto, "x").read(text)
    assert caught.value.reason == reason


def test_keywords_that_were_not_sent_are_checked_in_the_answer() -> None:
    wanted = AnswerFormat(Pessoa, "x")
    assert "maximum" not in keywords(wanted.schema)
    with pytest.raises(UnreadableAnswer, match="idade: Input should be less than or equal to 150") as caught:
        wanted.read('{"nome": "Ana", "idade": 200}')
    assert isinstance(caught.value.__cause__, ValidationError)


def test_tool_of_a_type_keeps_its_whole_schema_and_reads_its_arguments_back() -> None:
    tool = function_tool(Pessoa, name="cadastra")
    function = tool["function"]
    assert (tool["type"], function["name"], function["description"]) == (
        "function",
        "cadastra",
        "Uma pessoa.",
    )
    assert function["parameters"]["properties"]["idade"]["maximum"] == 150
    assert "title" not in function["parameters"]
    call = Function(name="cadastra", arguments='{"nome": "Ana", "idade": 3}')
    assert call.parsed_arguments(Pessoa).nome == "Ana"
    assert call.parsed_arguments() == {"nome": "Ana", "idade": 3}
    assert function_tool(No)["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize("text", ["{", "[]", '{"x": 1}', ""])
def test_tool_arguments_that_do_not_fit_their_type_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Function(name="f", arguments=text).parsed_arguments(Ponto)
