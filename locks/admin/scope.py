"""What a person may review in the admin: one answer a model, none for a model not named here."""

from typing import Any, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from locks.models import (
    Alert,
    Assignment,
    AuditEvent,
    Building,
    ChainProof,
    Device,
    Invitation,
    PickListEntry,
    Press,
    Review,
    SharedPC,
    UnlockRequest,
    User,
)


def actor(request: HttpRequest) -> User:
    """The signed-in person: the site lets nobody else in."""
    return cast(User, request.user)


def scope(model: type[Model], user: Any) -> QuerySet[Any]:
    """The rows of `model` that belong to buildings which `user` manages now; all for a superuser.

    Narrower than the desk's `visible_to`: who is clerk in a building reviews nothing of it.
    """
    managed = Building.objects.managed_by(user)
    everything = user.is_active and user.is_superuser
    if model in (
        Alert,
        Assignment,
        AuditEvent,
        ChainProof,
        Invitation,
        PickListEntry,
        Review,
        SharedPC,
        UnlockRequest,
    ):
        return model._default_manager.all().visible_to(user)
    if model is Building:
        return managed
    if model is Device:
        return Device.objects.all() if everything else Device.objects.filter(building__in=managed)
    if model is User:
        held = Assignment.objects.filter(building__in=managed)
        return (
            User.objects.all() if everything else User.objects.filter(pk__in=held.values("person"))
        )
    if model is Press:
        return Press.objects.all() if everything else Press.objects.filter(building__in=managed)
    return model._default_manager.none()
