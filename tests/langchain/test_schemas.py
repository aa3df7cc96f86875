"""From every kind of schema to a response format the service takes, and what is said about the rest."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import warnings
from typing import Annotated, Any, Literal, TypedDict

import jsonschema
import pytest
from conftest import KEY
from pydantic import BaseModel, ConfigDict, Field, conlist
from pydantic.v1 import BaseModel as BaseModelV1
from pydantic.v1 import Field as FieldV1

from langchain_maritaca import ChatMaritaca, ChatMaritacaConfigurationError
from langchain_maritaca._formats import ChatMaritacaSchemaWarning, wire_response_format
from maritaca_async.sandbox._schema import unsupported_in
from maritaca_async.schemas import REFUSED_KEYWORDS, breached_limits, reduced_schema


def sent(form: Any, **options: Any) -> dict[str, Any]:
    """The schema that goes on the wire, which the sandbox takes, and which warns of nothing."""
    wanted = wire_response_format(form, **options)["json_schema"]
    assert unsupported_in(wanted["schema"]) is None
    return wanted["schema"]


def sent_reduced(form: Any) -> tuple[dict[str, Any], str]:
    """The schema that goes on the wire, and the warning about it."""
    with pytest.warns(ChatMaritacaSchemaWarning) as caught:
        schema = sent(form)
    (warning,) = caught
    assert warning.filename == __file__, "the warning points outside the package"
    return schema, str(warning.message)


class Soma(BaseModel):
    """Soma dois números."""

    a: int
    b: int


class SomaV1(BaseModelV1):
    """Soma dois números."""

    a: int
    b: int


class SomaDict(TypedDict):
    """Soma dois números."""

    a: Annotated[int, ..., "um"]
    b: int


@dataclasses.dataclass
class SomaData:
    """Soma dois números."""

    a: int
    b: int


def somar(a: int, b: int) -> int:
    """Soma dois números."""
    return a + b


JSON_SCHEMA = {
    "title": "soma",
    "description": "Soma dois números.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
FORMS = [Soma, SomaV1, SomaDict, SomaData, somar, JSON_SCHEMA]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("strict", [None, True, False])
def test_every_kind_of_schema_becomes_a_response_format(form: Any, strict: bool | None) -> None:
    wanted = wire_response_format(form, strict=strict)
    assert wanted["type"] == "json_schema"
    inner = wanted["json_schema"]
    assert inner["name"] == inner["schema"]["title"]
    assert set(inner["schema"]["properties"]) == {"a", "b"}
    assert inner["schema"]["required"] == ["a", "b"]
    assert inner.get("strict") is strict
    assert inner["schema"].get("additionalProperties", True) is not bool(strict)


def test_ready_made_response_formats_stay_as_they_are() -> None:
    inner = {"name": "soma", "schema": JSON_SCHEMA, "strict": True, "description": "x"}
    whole = {"type": "json_schema", "json_schema": inner}
    assert wire_response_format(inner) == wire_response_format(whole) == whole
    assert wire_response_format(whole, strict=True) == whole
    assert wire_response_format({"type": "json_object"}) == {"type": "json_object"}
    assert wire_response_format({"type": "text"}) == {"type": "text"}
    assert wire_response_format(None) is None


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"type": "object", "properties": {}}, "needs a 'title'"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "a name and a schema"),
        ({"type": "json_schema"}, "a name and a schema"),
        ({"name": "x", "schema": {}, "strict": True}, "strict=False contradicts"),
        (3, "no schema can be made of 3"),
        ({"title": "x", "allOf": [{"type": "object"}, {"type": "object"}]}, "x: Maritaca refuses allOf"),
        (
            {"title": "x", "properties": {"a": {"type": "string", "allOf": [{"type": "integer"}]}}},
            r"x\.a: Maritaca refuses allOf",
        ),
    ],
)
def test_schema_that_cannot_be_sent_is_refused(form: Any, said: str) -> None:
    with pytest.raises(ChatMaritacaConfigurationError, match=said):
        wire_response_format(form, strict=False)


def test_class_without_a_schema_is_refused_by_name() -> None:
    class Estranha(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        coisa: json.JSONDecoder

    with pytest.raises(ChatMaritacaConfigurationError, match="no schema can be made of Estranha"):
        wire_response_format(Estranha)


def test_root_that_is_no_object_is_sent_whole() -> None:
    form = {"title": "lista", "type": "array", "items": {"type": "string"}}
    assert sent(form) == form


# Reduction


class Cor(enum.Enum):
    """Uma cor."""

    AZUL = "azul"
    VERDE = "verde"


class Endereco(BaseModel):
    """Um endereço."""

    cep: str = Field(pattern=r"^\d{8}$")


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str = Field(min_length=1, pattern="^[A-Z]")
    idade: int | None = Field(default=None, ge=0, description="anos")
    format: list[str] = Field(default_factory=list, max_length=3)
    pattern: Literal["minimum", "pattern"] = "pattern"
    nascimento: dt.date
    casa: Endereco = Field(description="onde mora")
    outras: list[Endereco] = []
    notas: conlist(float, min_length=1)  # type: ignore[valid-type]
    cor: Cor


def test_class_keeps_to_itself_what_the_service_refuses_and_a_warning_names_it() -> None:
    schema, said = sent_reduced(Pessoa)
    properties = schema["properties"]
    assert properties["nome"] == {"type": "string"}
    assert properties["idade"] == {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "default": None,
        "description": "anos",
    }
    assert properties["format"] == {"type": "array", "items": {"type": "string"}}
    assert properties["pattern"]["enum"] == ["minimum", "pattern"]
    assert properties["casa"]["properties"] == {"cep": {"type": "string"}}
    for named in (
        "Pessoa.nome: minLength, pattern",
        "Pessoa.idade: minimum",
        "Pessoa.format: maxItems",
        "Pessoa.nascimento: format",
        "Pessoa.casa.cep: pattern",
        "Pessoa.outras[].cep: pattern",
        "Pessoa.notas: minItems",
    ):
        assert named in said


def test_warning_says_who_checks_what_was_left_out() -> None:
    form = {
        "title": "p",
        "type": "object",
        "properties": {
            "idade": {"type": "integer", "minimum": 0, "format": "int32"},
            "nome": {"type": "string", "pattern": "(?<nome>[A-Z])", "maxLength": 3},
        },
    }
    model = ChatMaritaca(api_key=KEY)
    with pytest.warns(ChatMaritacaSchemaWarning) as caught:
        model.with_structured_output(form)
    with pytest.warns(ChatMaritacaSchemaWarning) as caught_of_class:
        model.with_structured_output(Pessoa)
    with pytest.warns(ChatMaritacaSchemaWarning) as caught_of_tools:
        model.bind_tools([somar], response_format=form)
    assert [len(found) for found in (caught, caught_of_class, caught_of_tools)] == [1, 1, 1]
    assert caught[0].filename == caught_of_class[0].filename == caught_of_tools[0].filename == __file__
    said = str(caught[0].message)
    # JavaScript's named groups are none of Python's.
    assert "Checked in each answer instead: p.idade: minimum; p.nome: maxLength." in said
    assert "Not checked by this model: p.idade: format; p.nome: pattern." in said
    assert "Not checked" not in str(caught_of_class[0].message)
    assert "Checked in" not in str(caught_of_tools[0].message)


def test_schema_that_is_sent_whole_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for form in FORMS:
            ChatMaritaca(api_key=KEY).with_structured_output(form)


def test_names_and_values_are_never_taken_for_keywords() -> None:
    form = {
        "title": "p",
        "type": "object",
        "properties": {
            name: {"type": "object", "default": {name: 1}, "enum": [{name: 1}], "examples": [{name: 1}]}
            for name in sorted(REFUSED_KEYWORDS)
        },
        "$defs": {"minimum": {"const": {"pattern": 1}}},
    }
    assert reduced_schema(form, "p") == (form, {})


class CasaV1(BaseModelV1):
    """Uma casa."""

    cep: str = FieldV1(max_length=8)


class PessoaV1(BaseModelV1):
    """Uma pessoa."""

    casa: CasaV1 = FieldV1(description="onde mora")


def test_all_of_with_one_entry_is_written_without_it() -> None:
    assert "allOf" in json.dumps(PessoaV1.schema())
    schema, said = sent_reduced(PessoaV1)
    assert schema["properties"]["casa"]["properties"] == {"cep": {"type": "string", "title": "Cep"}}
    assert schema["properties"]["casa"]["description"] == "onde mora"
    assert "PessoaV1.casa.cep: maxLength" in said


class No(BaseModel):
    """Um nó de uma árvore."""

    nome: str
    filhos: list[No] = []


class NoV1(BaseModelV1):
    """Um nó de uma árvore."""

    nome: str
    filhos: list[NoV1] = []


@dataclasses.dataclass
class NoData:
    """Um nó de uma árvore."""

    nome: str
    filhos: list[NoData] = dataclasses.field(default_factory=list)


class Floresta(BaseModel):
    """Uma floresta."""

    raiz: No
    dono: str


NoV1.update_forward_refs()


@pytest.mark.parametrize("form", [No, NoV1, NoData, Floresta])
@pytest.mark.parametrize("strict", [None, True])
def test_class_that_refers_to_itself_keeps_its_definitions(form: Any, strict: bool | None) -> None:
    schema = sent(form, strict=strict)
    key = "$defs" if "$defs" in schema else "definitions"
    ((name, definition),) = schema[key].items()
    assert definition["properties"]["filhos"]["items"] == {"$ref": f"#/{key}/{name}"}
    assert (schema["type"], schema["title"]) == ("object", form.__name__)
    tree = {"nome": "raiz", "filhos": [{"nome": "folha", "filhos": []}]}
    jsonschema.validate({"raiz": tree, "dono": "Ana"} if form is Floresta else tree, schema)
    assert (schema.get("additionalProperties"), definition.get("additionalProperties")) == (
        (False, False) if strict else (None, None)
    )


# Limits


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        inner = {"type": "object", "properties": {"a": inner}}
    return inner


WITHIN: list[dict[str, Any]] = [
    {"type": "object", "properties": {f"p{n}": {} for n in range(100)}},
    nested(5),
    {"enum": [str(n) for n in range(500)]},
    {"enum": ["a" * 14_999]},
    {"enum": ["a" * 50] * 250},
]
BEYOND = [
    ({"type": "object", "properties": {f"p{n}": {} for n in range(101)}}, "101 properties"),
    (nested(6), "levels of nesting"),
    ({"enum": [str(n) for n in range(501)]}, "501 enum values"),
    ({"enum": ["a" * 15_000]}, "15000 characters"),
    ({"enum": ["a" * 30] * 251}, "an enum of more than 250 texts"),
]


@pytest.mark.parametrize("schema", WITHIN)
def test_schema_within_the_limits_warns_of_nothing_and_is_taken(schema: dict[str, Any]) -> None:
    assert breached_limits(schema) == []
    assert unsupported_in(schema) is None


@pytest.mark.parametrize(("schema", "said"), BEYOND)
def test_schema_beyond_a_limit_is_sent_with_a_warning_and_refused_by_the_service(
    schema: dict[str, Any], said: str
) -> None:
    with pytest.warns(ChatMaritacaSchemaWarning, match=f"{said}.*may refuse it"):
        wanted = wire_response_format({"name": "x", "schema": schema})
    assert wanted["json_schema"]["schema"] == schema
    assert unsupported_in(schema) is not None
