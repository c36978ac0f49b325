"""Exports as the commands write and check them, and as a second implementation does."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection

from locks.services.checkpoints import public_key
from locks.tests import outsider
from locks.tests.tampering import verify


def exported(path: Path, *options: str) -> Path:
    """A file that `manage.py export_audit` wrote."""
    call_command("export_audit", "--output", str(path), *options, stderr=io.StringIO())
    return path


def checked(path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and findings of `manage.py verify_audit --export`, which asks no database."""

    def refuse(*_args: Any) -> None:
        raise AssertionError("An export is checked offline.")

    with connection.execute_wrapper(refuse):
        code, said = verify("--export", str(path), "--json", *options)
    return code, json.loads(said) if said else {}


def manifest_of(path: Path) -> dict[str, Any]:
    last = path.read_text().splitlines()[-1]
    if path.suffix == ".csv":
        last = next(csv.reader([last]))[1]
    found: dict[str, Any] = json.loads(last)
    return found


def agreed(path: Path) -> str:
    """What the file proves, by a second implementation that was written from docs/record.md alone."""
    return outsider.check_export(path, public_key()).proves


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes()
    assert old.encode() in text
    path.write_bytes(text.replace(old.encode(), new.encode(), 1))
