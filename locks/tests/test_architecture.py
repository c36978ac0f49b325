"""The table of docs/architecture.md, held against the imports of every file."""

import ast
from pathlib import Path

import pytest

LOCKS = Path(__file__).resolve().parent.parent
# A room and what it may import of `locks`. Leaves (words, listening …) are named where they are used.
MAY_IMPORT = {
    "seam": {"seam"},
    "simulator": {"simulator"},
    "words": {"words"},
    "names": set(),
    "models": {"models"},
    "append_only": set(),
    "migrating": set(),
    "checks": {"append_only"},
    "clients": {"seam"},
    # Seam's types and errors, not its wires: the client itself comes from `clients`.
    "services": {"services", "models", "clients", "seam", "words", "tasks"},
    "tasks": {"services"},
    "startup": {"models", "append_only"},
    "http": {"models", "words"},
    "listening": {"models", "http"},
    "live": {"listening"},
    "forms": {"models"},
    "identity": {"identity", "services", "models", "words", "http"},
    "views": {
        "views",
        "services",
        "models",
        "forms",
        "words",
        "http",
        "startup",
        "identity",
    },
    "urls": {"views"},
    "admin": {"admin", "services", "models", "words", "forms", "http"},
    "management": {"management", "services", "models", "simulator"},
    "apps": {"append_only", "checks", "http", "migrating", "names"},
}
IN_FUNCTIONS_ONLY = {("services", "tasks"), ("tasks", "services")}


def _imports(path: Path, text: str) -> list[tuple[str, bool]]:
    """Rooms of `locks` that a file with this text imports, and whether at module top."""
    tree = ast.parse(text)
    package = ("locks", *path.relative_to(LOCKS).parts[:-1])
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # One dot is the file's own package, each further one the package around it.
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join(filter(None, (*base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names]
        found += [
            (name.split(".")[1], id(node) in top)
            for name in names
            if name.startswith("locks.") and len(name.split(".")) > 1
        ]
    return found


@pytest.mark.parametrize(
    ("line", "room"),
    [
        ("from ..services import unlocking", "services"),
        ("from .. import services", "services"),
        ("from . import client", "seam"),
        ("from .client import SeamClient", "seam"),
        ("from locks.services.audit import record", "services"),
        ("from locks import words", "words"),
        ("import locks.models", "models"),
    ],
)
def test_it_sees_every_way_to_import(line: str, room: str) -> None:
    assert _imports(LOCKS / "seam" / "new.py", f"def late():\n    {line}\n") == [(room, False)]


def _files() -> list[Path]:
    return [
        path
        for path in sorted(LOCKS.rglob("*.py"))
        if not {"tests", "migrations"} & set(path.relative_to(LOCKS).parts)
        and path != LOCKS / "__init__.py"
    ]


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(LOCKS)))
def test_it_imports_only_rooms_that_it_may(path: Path) -> None:
    room = path.relative_to(LOCKS).parts[0].removesuffix(".py")
    for target, at_top in _imports(path, path.read_text()):
        assert target in MAY_IMPORT[room], f"{room} must not import {target}"
        if (room, target) in IN_FUNCTIONS_ONLY:
            assert not at_top, f"{room} imports {target} inside a function only"


@pytest.mark.parametrize("room", ["seam", "simulator"])
def test_it_keeps_django_out_of_rooms_that_know_only_http(room: str) -> None:
    for path in (LOCKS / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(("django", "celery")), path
            if isinstance(node, ast.Import):
                assert not any(a.name.startswith(("django", "celery")) for a in node.names), path
