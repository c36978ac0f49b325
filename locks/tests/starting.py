"""Python under the real settings, in a process and a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tools.processes import ROOT

GOOD = {
    "ACCESSDESK_ENV_FILE": os.devnull,
    "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmn",
    "SEAM_API_KEY": "seam_test_0123456789",
}


def run_with_settings(
    folder: Path, code: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `code` in a safe environment, changed by `environment` (`-` takes a name out)."""
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= GOOD | {"ACCESSDESK_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "accessdesk.settings"}
    env |= environment
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={name: value for name, value in env.items() if value != "-"},
        capture_output=True,
        text=True,
        timeout=60,
    )
