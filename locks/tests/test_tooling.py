"""What the project says about its own tools holds."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools import audit
from tools.processes import ROOT, Process, wait_for
from tools.test import failures


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_and_says_what_it_is_for(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    comment = ""
    for line in lines:
        if line and not line.startswith(("#", "-r ")):
            assert re.match(r"[\w.-]+(\[[\w,]+\])?==\d[\w.]*(;.+)?$", line), line
            assert comment, f"{line} has no comment"
        comment = line if line.startswith("#") else (comment if "==" in line else "")


def test_make_lists_every_target_with_a_sentence() -> None:
    env = {"PATH": os.environ["PATH"]}
    said = subprocess.run(
        ["make", "help"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    listed = dict(line.split(None, 1) for line in said.stdout.splitlines())
    assert set(listed) == set(phony.group(1).split())


def test_make_says_when_python_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("awk", "make", "sh"):
        (tmp_path / name).symlink_to(Path("/usr/bin") / name)
    said = subprocess.run(
        ["make", "run"], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert said.returncode != 0
    assert "accessdesk needs Python 3.11 or newer" in said.stderr


def test_a_machine_that_lacks_a_part_is_told_which_and_how_to_get_it(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "tools/parts.py"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 1
    (sentence,) = said.stderr.splitlines()
    assert "Chromium" in sentence
    assert "Redis or Valkey" in sentence
    assert "apt-get install" in sentence


@pytest.mark.processes
def test_a_process_ends_with_the_one_that_started_it() -> None:
    script = (
        "import os, sys\n"
        "from tools.processes import Process\n"
        "child = Process('child', ['sleep', '600'])\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = Process("parent", [sys.executable, "-c", f"{script}import time; time.sleep(600)"])
    wait_for(lambda: bool(parent.lines), seconds=20, what="the parent names its child")
    child = Path("/proc") / parent.lines[0]
    assert child.exists()
    parent.kill()
    wait_for(lambda: is_gone(child), seconds=10, what="the child ends")


def is_gone(process: Path) -> bool:
    """Whether it has ended (init may be slow to bury it)."""
    try:
        return " Z " in (process / "stat").read_text()
    except OSError:
        return True


def test_what_failed_is_read_from_the_cache_of_its_run(tmp_path: Path) -> None:
    kept = tmp_path / "v" / "cache" / "lastfailed"
    assert failures(tmp_path) == []
    kept.parent.mkdir(parents=True)
    kept.write_text('{"b.py::test_two": true, "a.py::test_one": true}')
    assert failures(tmp_path) == ["a.py::test_one", "b.py::test_two"]


def told_by(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


VULNERABLE = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
SOUND = {"name": "sound", "version": "1.0", "vulns": []}
SKIPPED = {"name": "skipped", "skip_reason": "Dependency not found on PyPI"}


def test_the_audit_fails_on_a_known_vulnerability_and_names_it() -> None:
    code, lines = audit.verdict(told_by(SOUND, {**SOUND, "name": "odd", "vulns": [VULNERABLE]}))
    assert code == 1
    assert "odd 1.0: PYSEC-2026-1, fixed in 2.0" in lines


def test_the_audit_does_not_fail_where_nobody_can_be_asked_and_says_so() -> None:
    for said in ("", "no JSON", "{}", told_by(SKIPPED), told_by()):
        code, lines = audit.verdict(said)
        assert code == 0
        assert audit.NOT_DONE in " ".join(lines)


def test_the_audit_names_what_it_left_out() -> None:
    code, lines = audit.verdict(told_by(SOUND, SKIPPED))
    assert code == 0
    assert lines[-1].endswith("skipped")
    assert audit.NOT_DONE not in " ".join(lines)


def test_lint_holds_each_of_bandits_rules() -> None:
    """ruff's S is bandit; what ruff counts as a preview is named one by one."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert {"S", "S403", "S404", "PLE2502"} <= set(lint["select"])
    left_out = set(lint.get("ignore", ()))
    assert not [rule for rule in left_out if rule.startswith("S")]
    told = subprocess.run(
        [sys.executable, "-m", "ruff", "rule", "--all", "--output-format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rules = [each for each in json.loads(told.stdout) if each["linter"] == "flake8-bandit"]
    previews = {each["code"] for each in rules if each.get("preview")}
    assert rules
    assert previews <= set(lint["select"])
