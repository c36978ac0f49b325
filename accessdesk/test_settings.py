"""Settings of the tests: the real ones, with an environment of their own (real variables win).

Only what must differ is named here, so that tests run what people run.
"""

import os
import tempfile
from typing import Any

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2)
os.environ.setdefault("ACCESSDESK_ENV_FILE", os.devnull)
if "ACCESSDESK_VAR" not in os.environ:  # a worker has the folder of the one that started it
    os.environ["ACCESSDESK_VAR"] = tempfile.mkdtemp(prefix="accessdesk-tests-")
os.environ.setdefault("SEAM_SIMULATED", "1")
os.environ.setdefault("EMAIL_URL", "memorymail://")

from accessdesk.settings import *  # noqa: E402, F403

# The slow default would cost a quarter of the suite's time and tests nothing of ours.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A test may hold a transaction of its own open for as long as it waits for something.
_database: dict[str, Any] = dict(DATABASES["default"])  # noqa: F405
if "postgresql" in str(_database["ENGINE"]):
    _database["OPTIONS"]["options"] += " -c idle_in_transaction_session_timeout=0"
