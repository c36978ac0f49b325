"""What tables and columns are called where people read it (the records in the admin), in their language.

Beside the models, not in them: there each wording would be a migration, and one more for each change of it.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# One, and many of them.
TABLES: dict[str, tuple[Any, Any]] = {
    "assignment": (_("assignment"), _("assignments")),
    "auditevent": (_("audit event"), _("audit events")),
    "building": (_("building"), _("buildings")),
    "device": (_("door"), _("doors")),
    "invitation": (_("invitation"), _("invitations")),
    "press": (pgettext_lazy("table", "press"), pgettext_lazy("table", "presses")),
    "unlockrequest": (_("unlock request"), _("unlock requests")),
}
# By name, whichever table they are in; what a model names itself stays.
COLUMNS: dict[str, Any] = {
    "actor": _("actor"),
    "body": _("body"),
    "building": _("building"),
    "detail_hash": _("detail hash"),
    "device": _("device"),
    "event": _("event"),
    "format": _("format"),
    "hash": _("hash"),
    "id": _("id"),
    "made_by": _("made by"),
    "manufacturer": _("manufacturer"),
    "model": _("model"),
    "person": _("person"),
    "previous_hash": _("previous hash"),
    "request": _("request"),
    "requested_by": _("requested by"),
    "sequence": _("sequence"),
}


def name_for_people(app: AppConfig) -> None:
    """Give the app's tables and columns their names, once all models are there."""
    for model in app.get_models():
        named = TABLES.get(model._meta.model_name or "")
        if named:
            model._meta.verbose_name, model._meta.verbose_name_plural = named
        for field in model._meta.fields:
            if not isinstance(field.verbose_name, Promise):
                field.verbose_name = COLUMNS.get(field.name, field.verbose_name)
