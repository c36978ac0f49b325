"""Measurements; `make bench` runs them all and writes bench/last.json. Figures, never pass or fail."""

import os
import tempfile

import django

# Some measurements borrow from the tests what knows of models; nothing of this process is kept.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "accessdesk.test_settings")
os.environ.setdefault("ACCESSDESK_VAR", tempfile.gettempdir())
django.setup()
