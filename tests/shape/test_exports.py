"""One way in: what is public is exported, sorted, documented, and nothing else."""

from __future__ import annotations

import importlib
import inspect

import pytest

PACKAGES = [
    "maritaca_async",
    "maritaca_async.types",
    "maritaca_async.errors",
    "maritaca_async.sandbox",
    "langchain_maritaca",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_exports_are_sorted_and_importable(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_public_is_missing_from_the_exports(package: str) -> None:
    module = importlib.import_module(package)
    found = {
        name
        for name, member in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(member)
        and getattr(member, "__module__", "").startswith(("maritaca_async", "langchain_maritaca"))
    }
    assert found <= set(module.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_class_and_method_is_documented(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        member = getattr(module, name)
        if not inspect.isclass(member):
            continue
        assert member.__doc__, name
        for method_name, method in vars(member).items():
            if not method_name.startswith("_") and (
                inspect.isfunction(method) or isinstance(method, property)
            ):
                assert method.__doc__, f"{name}.{method_name}"


def test_errors_of_the_tree_are_all_exported_at_the_root() -> None:
    root, errors = importlib.import_module("maritaca_async"), importlib.import_module("maritaca_async.errors")
    kinds = {
        name
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, Exception)
    }
    assert kinds <= set(root.__all__)


def test_import_is_silent_and_reads_nothing_of_langchain() -> None:
    import subprocess
    import sys

    code = "import sys, maritaca_async; print([m for m in sys.modules if m.startswith(('langchain', 'typer', 'rich', 'openai', 'httpx'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
