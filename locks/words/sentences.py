"""What a sentence is before somebody reads it."""

from __future__ import annotations

from django.utils.functional import Promise

Sentence = str | Promise
