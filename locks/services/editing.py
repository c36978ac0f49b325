"""What staffing, places and the demo share: who may, and how a change reads on the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Model, Q
from django.utils.translation import gettext as _

from locks.models import Building, User
from locks.services.errors import NotAllowed


def require_manager(actor: User, building: Building | None) -> None:
    """Raise NotAllowed unless `actor` manages `building` now; without one, only superusers do."""
    actor = User.objects.get(pk=actor.pk)  # as it is now: the page may have been open for long
    if building is None:
        require_superuser(actor)
    elif not Building.objects.managed_by(actor).filter(pk=building.pk).exists():
        raise NotAllowed(_("Only a manager of the building may do that."))


def require_superuser(actor: User) -> None:
    """Raise NotAllowed unless `actor` is an active superuser now."""
    if not User.objects.filter(pk=actor.pk, is_active=True, is_superuser=True).exists():
        raise NotAllowed(_("Only an administrator may do that."))


def apply(row: Model, changes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set, validate and save the fields that differ; return `{field: [before, after]}`.

    Raises ValidationError. `row` should be locked by the caller.
    """
    before = {name: getattr(row, name) for name in changes}
    differing = {name: value for name, value in changes.items() if value != before[name]}
    if not differing:
        return {}
    for name, value in differing.items():
        setattr(row, name, value)
    # Fields given together are validated together, changed or not: a constraint may span them.
    row.full_clean(exclude={field.name for field in row._meta.fields} - set(changes))
    row.save(update_fields=list(differing))
    return {name: [plain(before[name]), plain(value)] for name, value in differing.items()}


def plain(value: Any) -> Any:
    """A value as the record keeps it: times in ISO 8601, UTC."""
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else value


def subject_of(person: User) -> dict[str, Any]:
    """Whom an event is about, for record(); `person` and `username` there are who did it."""
    return {
        "subject": person.get_full_name(),
        "subject_username": person.username,
        "subject_id": person.pk,
    }


def told_about(person_id: int) -> Q:
    """Events whose detail names this person as the one whom it is about, as subject_of() writes it.

    Of the text alone: a detail that holds such words within another object would be found, too.
    """
    found = Q()
    for end in ",}":  # how a number ends in the detail's JSON
        found |= Q(detail__body__contains=f'"subject_id":{person_id}{end}')
    return found
