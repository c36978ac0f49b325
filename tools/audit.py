"""Ask PyPI whether a known vulnerability concerns what is installed: `python -m tools.audit`.

Fails on one that is known. Where nobody can be asked (no network, an index without advisories) it
says loudly that the audit was not done, and does not fail: a check must not hang on a network.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.processes import ROOT

# Advisories that do not concern accessdesk, each with the reason; `pip-audit` calls them by id.
PASSED_OVER: dict[str, str] = {}
PATIENCE = 120  # seconds for all of it
NOT_DONE = "!! THE DEPENDENCIES WERE NOT AUDITED"


def main() -> int:
    """1 where an installed package has a known vulnerability, else 0."""
    code, lines = verdict(report())
    print("\n".join(lines), flush=True)
    return code


def report() -> str:
    """What pip-audit says of the packages of this environment, as JSON; empty where it could not."""
    with tempfile.TemporaryDirectory(prefix="accessdesk-audit-") as folder:
        frozen = Path(folder) / "requirements.txt"
        frozen.write_text(_run("pip", "freeze", "--exclude-editable"))
        passed_over = [word for name in PASSED_OVER for word in ("--ignore-vuln", name)]
        asked = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "5")
        return _run("pip_audit", "-r", str(frozen), *asked, *passed_over, "--format", "json")


def _run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def verdict(said: str) -> tuple[int, list[str]]:
    """The exit code, and what to tell: each vulnerability, and what could not be looked up."""
    try:
        packages: list[dict[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, [f"{NOT_DONE}: PyPI's advisories cannot be reached from here."]
    known = [
        f"{each['name']} {each['version']}: {found['id']}, fixed in"
        f" {', '.join(found['fix_versions']) or 'no version yet'}"
        for each in packages
        for found in each.get("vulns", ())
    ]
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    asked = len(packages) - len(unknown)
    lines = [*known, f"{asked} packages audited, {len(known)} known vulnerabilities"]
    if not asked:
        lines = [f"{NOT_DONE}: the index that is reached from here tells of no advisories."]
    elif unknown:
        lines.append(f"!! Not audited, for the index does not know them: {', '.join(unknown)}")
    return (1 if known else 0), lines


if __name__ == "__main__":
    sys.exit(main())
