"""docs/security.md names a test for each defence: every one of them exists."""

import ast
import re
from pathlib import Path

from tools.processes import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
TESTS = ROOT / "locks" / "tests"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def names_in(file: Path) -> set[str]:
    """The functions of a file, by name."""
    tree = ast.parse(file.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in ast.walk(tree) if isinstance(each, kinds)}


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (TESTS / file).is_file() or name not in names_in(TESTS / file)
    ]
    assert missing == []


def test_each_defence_of_each_threat_names_its_test_and_each_threat_what_remains() -> None:
    threats = re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(threats) == 5
    for threat, text in threats:
        table = re.search(r"^\| what they try .*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
        assert table, threat
        for row in table[0].splitlines()[2:]:
            assert NAMED.search(row), row
        assert "**What remains" in text, threat


def test_every_attack_stands_on_the_page() -> None:
    attacks = {file.name for file in TESTS.glob("test_attacks_*.py")}
    assert attacks
    assert attacks <= {file for file, _name in NAMED.findall(PAGE)}
