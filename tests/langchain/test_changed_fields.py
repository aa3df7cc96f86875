"""What was changed after construction: by assignment, and in copies."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest
from langchain_core.load import dumps, loads
from pydantic import ConfigDict, SecretStr, ValidationError

from langchain_maritaca import ChatMaritaca
from maritaca_async import ConfigurationError, Timeouts
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]
Change = Callable[[ChatMaritaca, str, Any], ChatMaritaca]
KEY = "sk-canary-of-changes"
OURS: dict[str, Any] = {
    "allowed_objects": [ChatMaritaca],
    "valid_namespaces": ["langchain_maritaca"],
    "secrets_map": {"MARITACA_API_KEY": KEY},
}


def assigned(model: ChatMaritaca, name: str, value: Any) -> ChatMaritaca:
    setattr(model, name, value)
    return model


def copied(model: ChatMaritaca, name: str, value: Any) -> ChatMaritaca:
    return model.model_copy(update={name: value})


every_way = pytest.mark.parametrize("change", [assigned, copied])


@every_way
@pytest.mark.parametrize("key", [KEY, SecretStr(KEY)], ids=["text", "secret"])
def test_new_key_takes_effect_and_stays_hidden(
    make_model: MakeModel, sandbox: Sandbox, change: Change, key: Any
) -> None:
    model = make_model()
    model.invoke("Olá")
    model = change(model, "maritaca_api_key", key)
    model.invoke("Olá")
    assert sandbox.requests[-1].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in f"{model!r} {model} {model.model_dump()} {dumps(model)}"


@pytest.mark.parametrize(
    ("alias", "name", "value"),
    [
        ("model", "model_name", "sabiazinho-4"),
        ("api_key", "maritaca_api_key", SecretStr(KEY)),
        ("base_url", "maritaca_api_base", "http://localhost/api"),
        ("timeout", "request_timeout", 3.0),
        ("stop_sequences", "stop", ["fim"]),
    ],
)
def test_copy_takes_aliases(make_model: MakeModel, alias: str, name: str, value: Any) -> None:
    model = make_model()
    assert getattr(copied(model, alias, value), name) == value
    assert getattr(model, name) != value


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"temprature": 1}, "ChatMaritaca has no such field: 'temprature', did you mean 'temperature'"),
        ({"zz": 1, "modelname": 2}, "'zz', there are .*; 'modelname', did you mean 'model_name'"),
        ({"model": "a", "model_name": "b"}, "given twice, by name and by alias: model_name"),
    ],
)
def test_copy_refuses_names_that_it_cannot_follow(
    make_model: MakeModel, update: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        make_model().model_copy(update=update)


@every_way
def test_profile_goes_with_the_model(make_model: MakeModel, change: Change) -> None:
    model = make_model(model="sabia-4")
    assert model.profile is not None
    assert model.profile.get("reasoning_output") is False
    thinking = change(model, "model_name", "sabia-4-thinking")
    assert thinking.profile == make_model(model="sabia-4-thinking").profile
    unknown = change(thinking, "model_name", "sabia-99")
    assert unknown.profile is None
    assert change(unknown, "model_name", "sabia-4").profile == make_model(model="sabia-4").profile


@every_way
def test_profile_of_ones_own_stays(make_model: MakeModel, change: Change) -> None:
    model = make_model(profile={"max_input_tokens": 7})
    assert change(model, "model_name", "sabia-4-thinking").profile == {"max_input_tokens": 7}
    own = change(make_model(), "profile", {"max_input_tokens": 9})
    assert change(own, "temperature", 0.5).profile == {"max_input_tokens": 9}


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize(
    "timeout", [Timeouts(idle=3), Timeouts(connect=None, first_event=None, idle=None, deadline=None)]
)
def test_timeouts_come_back_from_json(make_model: MakeModel, timeout: Timeouts) -> None:
    back = loads(dumps(make_model(timeout=timeout)), **OURS)
    assert back.request_timeout == timeout
    assert back.invoke("Olá").text


def test_key_of_the_cache_bears_dictionaries_with_any_keys(make_model: MakeModel) -> None:
    def key(bias: dict[Any, int]) -> str:
        return make_model(model_kwargs={"logit_bias": bias})._get_llm_string(other=bias)

    assert key({1: 2, "a": 3}) == key({"a": 3, 1: 2}) == key({"a": 3, "1": 2})
    assert key({1: 2, "a": 3}) != key({1: 2, "a": 4})
    assert json.loads(key({1: 2, "a": 3}))[1]["model_kwargs"] == {"logit_bias": {"1": 2, "a": 3}}


class Careful(ChatMaritaca):
    """A user's class that has pydantic look at assignments, and that remembers something of its own."""

    model_config = ConfigDict(validate_assignment=True)

    @cached_property
    def remembered(self) -> object:
        return object()


@pytest.mark.parametrize("kwargs", [{}, {"seed": 1}])
def test_subclass_may_have_its_assignments_checked(sandbox: Sandbox, kwargs: dict[str, Any]) -> None:
    model = Careful(api_key=sandbox.api_key, base_url=sandbox.base_url, model_kwargs=kwargs)
    remembered = model.remembered
    model.invoke("Olá")
    before = sandbox.requests[-1].body
    model.temperature = 0.5
    model.model_name = "sabiazinho-4"
    model.invoke("Olá")
    assert sandbox.requests[-1].body == {**before, "temperature": 0.5, "model": "sabiazinho-4"}
    assert model.profile == ChatMaritaca(api_key=KEY, model="sabiazinho-4").profile
    assert model.remembered is remembered
    for name, value in (("request_timeout", -3), ("temperature", "quente")):
        with pytest.raises(ValidationError):
            setattr(model, name, value)


def test_model_is_read_by_the_name_of_its_argument(make_model: Callable[..., ChatMaritaca]) -> None:
    assert make_model(model="sabiazinho-4").model == "sabiazinho-4"
