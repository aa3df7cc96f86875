"""Imports point down only, none is hidden in a function, and each foreign library has its one room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]

CORE, SDK, ADAPTER = "maritaca_async._core.", "maritaca_async.", "langchain_maritaca"

# What each room may import of ours, at run time. A name ending in a dot stands for everything below it.
LAYERS: dict[str, tuple[str, ...]] = {
    "langchain_maritaca": (
        "langchain_maritaca",
        "maritaca_async",
        "maritaca_async.types",
        "maritaca_async.errors",
    ),
    "maritaca_async.sandbox": (
        "maritaca_async.sandbox",
        "maritaca_async.types",
        "maritaca_async.errors",
        "maritaca_async.catalogue",
    ),
    "maritaca_async._sync": (
        "maritaca_async._sync",
        SDK + "_on_demand",
        SDK + "client",
        SDK + "resources",
        SDK + "types",
        CORE + "stream",
        CORE + "options",
        CORE + "request",
        CORE + "bulk",
        CORE + "inputs",
        SDK + "errors",
        CORE + "items",
        CORE + "pagination",
    ),
    "maritaca_async.client": (
        SDK + "resources",
        CORE + "engine",
        CORE + "ratelimit",
        CORE + "transport",
        CORE + "network",
        CORE + "hooks",
        CORE + "options",
        CORE + "request",
        SDK + "errors",
    ),
    "maritaca_async.resources": (
        SDK + "_on_demand",
        SDK + "resources",
        CORE + "engine",
        CORE + "stream",
        CORE + "options",
        CORE + "request",
        CORE + "sse",
        CORE + "log",
        SDK + "types",
        SDK + "schemas",
        SDK + "parts",
        CORE + "inline",
        CORE + "pace",
        CORE + "bulk",
        CORE + "inputs",
        CORE + "journal",
        CORE + "batch_journal",
        SDK + "errors",
        CORE + "upload",
        CORE + "download",
        CORE + "items",
        CORE + "lines",
        CORE + "pagination",
        CORE + "http_info",
    ),
    "maritaca_async._core.engine": (
        CORE + "transport",
        CORE + "stream",
        CORE + "retry",
        CORE + "request",
        CORE + "options",
        CORE + "hooks",
        CORE + "http_info",
        CORE + "log",
        SDK + "errors",
        SDK + "_version",
        CORE + "download",
    ),
    "maritaca_async._core.transport": (
        CORE + "request",
        CORE + "sessions",
        CORE + "translation",
        CORE + "inline",
        CORE + "options",
        CORE + "log",
        CORE + "sockets",
        CORE + "reply",
        SDK + "errors",
        CORE + "upload",
    ),
    "maritaca_async._core.sessions": (CORE + "sockets", CORE + "translation", SDK + "errors"),
    "maritaca_async._core.translation": (SDK + "errors",),
    "maritaca_async._core.network": (CORE + "options", CORE + "request", SDK + "errors"),
    "maritaca_async._core.hooks": (CORE + "log", SDK + "errors"),
    "maritaca_async._core.stream": (CORE + "sse", CORE + "request", CORE + "log", SDK + "errors"),
    "maritaca_async._core.request": (
        CORE + "inline",
        CORE + "retry",
        CORE + "options",
        CORE + "http_info",
        SDK + "errors",
    ),
    "maritaca_async._core.inline": (SDK + "errors",),
    "maritaca_async._core.retry": (CORE + "options", SDK + "errors"),
    "maritaca_async._core.options": (SDK + "catalogue", SDK + "errors"),
    "maritaca_async._core.ratelimit": (CORE + "pace", CORE + "options", SDK + "catalogue", SDK + "errors"),
    "maritaca_async._core.pace": (SDK + "catalogue",),
    "maritaca_async._core.bulk": (SDK + "errors",),
    "maritaca_async._core.inputs": (SDK + "errors",),
    "maritaca_async._core.journal": (CORE + "database", SDK + "errors"),
    "maritaca_async._core.database": (CORE + "database", SDK + "_on_demand", SDK + "errors"),
    "maritaca_async._core.batch_journal": (CORE + "journal", SDK + "errors"),
    "maritaca_async._core.upload": (SDK + "errors",),
    "maritaca_async._core.download": (SDK + "errors",),
    "maritaca_async._core.pagination": (CORE + "items",),
    "maritaca_async._core.items": (),
    "maritaca_async._core.lines": (SDK + "errors",),
    "maritaca_async._core.sse": (SDK + "errors",),
    "maritaca_async._core.reply": (CORE + "arrived", SDK + "errors"),
    "maritaca_async._core.arrived": (),
    "maritaca_async._core.sockets": (),
    "maritaca_async._core.log": (SDK + "errors",),
    "maritaca_async._core.http_info": (),
    "maritaca_async.parts": (CORE + "inline", SDK + "types", SDK + "errors"),
    "maritaca_async.schemas": (SDK + "errors",),
    "maritaca_async.tools": (SDK + "schemas", SDK + "types", SDK + "errors"),
    "maritaca_async.pricing": (SDK + "catalogue", SDK + "types", SDK + "errors"),
    "maritaca_async.tokens": (SDK + "_tokenizer", SDK + "types", SDK + "errors"),
    "maritaca_async._tokenizer": (),
    "maritaca_async.types": (SDK + "_on_demand", SDK + "types"),
    "maritaca_async._on_demand": (),
    "maritaca_async.errors": (),
    "maritaca_async.catalogue": (),
    "maritaca_async._version": (),
}
# Foreign libraries and the only places that may import them.
ROOMS = {
    "aiohttp": (
        "maritaca_async._core.transport",
        "maritaca_async._core.sessions",
        "maritaca_async._core.translation",
        "maritaca_async._core.arrived",
        "maritaca_async.sandbox",
    ),
    "anyio": ("maritaca_async._sync.loop_thread",),
    "langchain_core": ("langchain_maritaca",),
    "sqlite3": ("maritaca_async._core.database",),
    "pytest": ("maritaca_async.sandbox.pytest_plugin",),
    "threading": (
        "maritaca_async._sync.loop_thread",
        "maritaca_async._sync.portal",
        "maritaca_async.sandbox",
        # Locks only.
        "maritaca_async._core.journal",
        "maritaca_async._core.upload",
        "maritaca_async.resources._part_file",
        "maritaca_async._core.ratelimit",
        "maritaca_async._tokenizer",
        "langchain_maritaca._run_observer",
    ),
}
# The only modules that import by name: packages with names on demand, and the table of tokens.
BY_NAME = ("maritaca_async._on_demand", "maritaca_async._tokenizer", "langchain_maritaca")


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).parent.parts)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not is_type_checking(child):
            yield child
            yield from runtime_nodes(child)


def imports(path: Path) -> Iterator[str]:
    """The modules a file imports at run time, in full."""
    for node in runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package_of(path).split(".")
            start = ".".join(base[: len(base) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (start, node.module)))
            for alias in node.names:
                deeper = SOURCE.joinpath(*module.split("."), alias.name)
                yield (
                    f"{module}.{alias.name}"
                    if deeper.with_suffix(".py").exists() or deeper.is_dir()
                    else module
                )


def room_of(module: str) -> str | None:
    found = [room for room in LAYERS if module == room or module.startswith(room + ".")]
    return max(found, key=len, default=None)


def allowed(imported: str, permitted: tuple[str, ...]) -> bool:
    return any(imported == name or imported.startswith(name + ".") for name in permitted)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_only_from_lower_layers(path: Path) -> None:
    module = name_of(path)
    if module in {"maritaca_async", "maritaca_async._core"}:
        return  # the way in re-exports from everywhere
    room = room_of(module)
    assert room is not None, f"{module} has no place in the layer table"
    permitted = LAYERS[room]
    if room == "langchain_maritaca":
        ours = [name for name in imports(path) if name.startswith("maritaca_async")]
        private = [name for name in ours if any(part.startswith("_") for part in name.split("."))]
        assert private == [], "the adapter uses public names only"
        return
    later = on_demand(ast.parse(path.read_text(encoding="utf-8")))
    wrong = [
        name
        for name in (*imports(path), *(f"{module}.{place}" for place in later))
        if name.startswith(("maritaca_async", ADAPTER)) and not allowed(name, permitted)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_foreign_library_is_imported_only_in_its_room(path: Path) -> None:
    module = name_of(path)
    for imported in imports(path):
        rooms = ROOMS.get(imported.split(".")[0])
        assert rooms is None or allowed(module, rooms), f"{module} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_import_hides_in_a_function(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden = [
                inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)
            ]
            assert hidden == [], f"{node.name} imports on line {hidden}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_import_by_name_is_left_to_the_names_on_demand(path: Path) -> None:
    calls = [
        node.func
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    names = {func.id if isinstance(func, ast.Name) else getattr(func, "attr", "") for func in calls}
    assert name_of(path) in BY_NAME or not names & {"import_module", "_import_module", "__import__"}


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_names_on_demand_are_those_that_type_checkers_see(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen = {
        node.module: tuple(alias.name for alias in node.names)
        for block in tree.body
        if is_type_checking(block)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
    }
    assert seen == on_demand(tree)


def on_demand(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """What a package loads when it is asked for, by module."""
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").strip("_") == "names_on_demand":
            found |= ast.literal_eval(node.args[1])
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_ON_DEMAND":
            found |= ast.literal_eval(node.value)
    return found


def test_modules_import_each_other_without_cycles() -> None:
    graph = {
        name_of(path): {name for name in imports(path) if name.startswith((SDK, ADAPTER))} for path in MODULES
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        for imported in graph.get(module, ()):
            if imported != module:
                visit(imported, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
