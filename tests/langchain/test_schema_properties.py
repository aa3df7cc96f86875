"""Any schema is reduced to one the service takes, and what was left out is checked as a validator would."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_maritaca._answer_checks import is_checked, problems
from maritaca_async.sandbox._schema import unsupported_in
from maritaca_async.schemas import reduced_schema

names = st.sampled_from(["a", "b", "format", "pattern", "minimum", "items", "$defs", "properties"])
small = st.integers(0, 3)
string_limits = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": small,
        "maxLength": small,
        "pattern": st.sampled_from(["^a", "b$", "x"]),
        "format": st.just("date"),
        "enum": st.lists(st.text("ab", max_size=3), min_size=1, max_size=3),
    },
)
number_limits = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": small,
        "maximum": small,
        "exclusiveMinimum": small,
        "exclusiveMaximum": small,
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "default": st.fixed_dictionaries({"minimum": small}),
    },
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    array_limits = {"minItems": small, "maxItems": small, "uniqueItems": st.booleans()}
    object_limits = {"minProperties": small, "maxProperties": small, "additionalProperties": inner}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional=array_limits),
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(names, inner, max_size=3)},
            optional=object_limits,
        ),
        st.builds(lambda part: {"allOf": [part], "description": "x"}, inner),
    )


schemas = st.recursive(st.one_of(string_limits, number_limits), containers, max_leaves=6)


@given(schemas)
def test_any_schema_is_reduced_to_one_the_service_takes(schema: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    found, left_out = reduced_schema(schema, "x")
    assert schema == before
    problem = unsupported_in(found)
    assert problem is None or "levels of nesting" in problem
    assert reduced_schema(found, "x") == (found, {}), "reducing twice changes nothing"
    assert (found == schema) == (not left_out and "allOf" not in json.dumps(schema))


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-1, 4), st.sampled_from([0.5, 1.5]), st.text("abx", max_size=4)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=8,
)


def without_types(schema: Any) -> Any:
    """A schema with nothing but what is checked here, so that a validator looks at nothing else."""
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "properties":
            kept[key] = {name: without_types(part) for name, part in value.items()}
        elif key == "allOf":
            kept[key] = [without_types(part) for part in value]
        elif key in ("items", "additionalProperties"):
            kept[key] = without_types(value)
        elif is_checked(key, value):
            kept[key] = value
    return kept


@given(schemas, values)
def test_checks_of_answers_agree_with_a_validator(schema: dict[str, Any], value: Any) -> None:
    bare = without_types(schema)
    assert (problems(value, bare) == []) == jsonschema.Draft202012Validator(bare).is_valid(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"notas": [1, 11]}, ["notas[1]: maximum is 10"]),
        ({"notas": []}, ["notas: minItems is 1"]),
        ({"casa": {"cep": "12"}}, ["casa.cep: minLength is 8"]),
        ({"casa": None}, []),
        ({"tipo": {"a": "x" * 9}}, ["tipo.a: maxLength is 3"]),
        ({"tipo": {"b": "x" * 9}}, []),
        ({"outra": 0}, ["outra: exclusiveMinimum is 0"]),
        ({}, ["the answer: minProperties is 1"]),
        ({"par": ["aaaa", 3]}, ["par[0]: maxLength is 3", "par[1]: multipleOf is 2"]),
    ],
)
def test_answer_that_breaks_its_schema_is_told_where(value: Any, said: list[str]) -> None:
    schema = {
        "minProperties": 1,
        "properties": {
            "notas": {"type": "array", "minItems": 1, "items": {"maximum": 10}},
            "casa": {"anyOf": [{"$ref": "#/$defs/Casa"}, {"type": "null"}]},
            "tipo": {
                "oneOf": [
                    {"required": ["a"], "properties": {"a": {"maxLength": 3}}},
                    {"required": ["b"], "properties": {"b": {"minLength": 3}}},
                ]
            },
            "par": {"prefixItems": [{"maxLength": 3}, {"multipleOf": 2}]},
        },
        "additionalProperties": {"exclusiveMinimum": 0},
        "$defs": {
            "Casa": {"type": "object", "properties": {"cep": {"$ref": "#/$defs/Cep"}}},
            "Cep": {"minLength": 8},
            "Laco": {"$ref": "#/$defs/Laco"},
        },
    }
    assert problems(value, schema) == said
