"""Check style, types, settings, migrations, dependencies: `python -m tools.lint`. All run; one exit code."""

import os
import secrets
import subprocess
import sys
import tempfile

from tools.processes import ROOT

CHECKS = {
    "ruff": "ruff check",
    "format": "ruff format --check",
    "types": "mypy",
    "settings as deployed": "manage.py check --deploy --fail-level WARNING",
    "migrations": "manage.py makemigrations --check --dry-run",
    "database": "manage.py check --database default",
    "known vulnerabilities": "tools.audit",
}


def main() -> int:
    """Run every check; the number of those that failed."""
    failed = []
    with tempfile.TemporaryDirectory(prefix="accessdesk-lint-") as folder:
        for name, words in CHECKS.items():
            print(f"== {name}: {words}", flush=True)
            if run(words.split(), folder):
                failed.append(name)
    print(f"== failed: {', '.join(failed)}" if failed else "== all checks passed", flush=True)
    return len(failed)


def run(words: list[str], folder: str) -> int:
    """The exit code of one check; Django's own are made as on a server."""
    if words[0] == "manage.py":
        command, env = [sys.executable, *words], deployed(folder)
    else:
        command, env = [sys.executable, "-m", *words], dict(os.environ)
    return subprocess.run(command, cwd=ROOT, env=env).returncode


def deployed(folder: str) -> dict[str, str]:
    """The environment of a server behind an HTTPS proxy; nothing of it is real."""
    ours = ("SEAM_", "DATABASE_", "CELERY_", "DJANGO_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return env | {
        "ACCESSDESK_ENV_FILE": os.devnull,
        "ACCESSDESK_VAR": folder,
        "ALLOWED_HOSTS": "desk.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://desk.example.com",
        "DEBUG": "0",
        "SEAM_API_KEY": "seam_" + secrets.token_hex(16),
        "SECRET_KEY": secrets.token_urlsafe(64),
    }


if __name__ == "__main__":
    sys.exit(main())
