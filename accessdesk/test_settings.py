"""Settings of the tests: the real ones, with an environment of their own (real variables win).

Only what must differ is named here, so that tests run what people run.
"""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2)
os.environ.setdefault("ACCESSDESK_ENV_FILE", os.devnull)
os.environ.setdefault("ACCESSDESK_VAR", tempfile.mkdtemp(prefix="accessdesk-tests-"))
os.environ.setdefault("SEAM_SIMULATED", "1")
os.environ.setdefault("EMAIL_URL", "memorymail://")

from accessdesk.settings import *  # noqa: E402, F403

# The slow default would cost a quarter of the suite's time and tests nothing of ours.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A test may hold a transaction of its own open for as long as it waits for something.
if "postgresql" in str(DATABASES["default"]["ENGINE"]):  # noqa: F405
    DATABASES["default"]["OPTIONS"]["options"] += " -c idle_in_transaction_session_timeout=0"  # noqa: F405
