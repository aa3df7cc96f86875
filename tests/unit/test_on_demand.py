"""Names that are loaded when they are first asked for: there all the same, and no burden to an import."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from maritaca_async import AsyncMaritaca, Maritaca

PACKAGES = ["maritaca_async", "maritaca_async.types", "maritaca_async.resources", "langchain_maritaca"]
AREAS = ["responses", "models", "files", "batches"]
KEY = "a-key"


def printed(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize("package", PACKAGES)
def test_unknown_name_is_refused_as_in_any_module(package: str) -> None:
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_directory_of_a_fresh_package_has_every_export(package: str) -> None:
    assert printed(f"import {package} as package; print(set(package.__all__) - set(dir(package)))") == "set()"


@pytest.mark.parametrize("package", PACKAGES)
def test_star_import_brings_every_export(package: str) -> None:
    code = (
        f"import {package} as package\nfrom {package} import *\nprint(set(package.__all__) - set(globals()))"
    )
    assert printed(code) == "set()"


@pytest.mark.parametrize(
    "path",
    [
        "maritaca_async.pricing.find_price",
        "maritaca_async.tools.function_tool",
        "maritaca_async.types.responses.Response",
        "maritaca_async.types.batches.Batch",
        "langchain_maritaca.callbacks.CostTrackingCallback",
        "langchain_maritaca.embeddings.DeepInfraEmbeddings",
    ],
)
def test_module_below_is_reached_through_its_package(path: str) -> None:
    package, _, name = path.rpartition(".")
    assert printed(f"import {path.split('.')[0]}; print({path}.__name__)") == name
    assert printed(f"import {package}; print({path}.__name__)") == name


def test_name_is_the_same_object_each_time() -> None:
    package = importlib.import_module("maritaca_async")
    assert (
        package.find_price
        is package.find_price
        is importlib.import_module("maritaca_async.pricing").find_price
    )


def test_import_of_the_chat_model_loads_nothing_that_it_does_not_need() -> None:
    spared = (
        "anyio.from_thread",
        "langchain_core.tools.base",
        "langchain_maritaca.callbacks",
        "langchain_maritaca.embeddings",
        "maritaca_async.pricing",
        "maritaca_async.resources.batches",
        "maritaca_async.resources.files",
        "maritaca_async.types.responses",
        "maritaca_async._core.database._sqlite",
    )
    assert (
        printed(f"import sys, langchain_maritaca; print([m for m in {spared} if m in sys.modules])") == "[]"
    )


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
@pytest.mark.parametrize("area", AREAS)
def test_area_is_made_once_and_anew_for_other_defaults(
    kind: type[AsyncMaritaca | Maritaca], area: str
) -> None:
    client = kind(KEY)
    made = getattr(client, area)
    assert getattr(client, area) is made
    assert getattr(client.with_options(timeout=1), area) is not made
