"""Accounts. Superusers edit them through services.staffing; managers read their buildings' own.

`is_superuser` is on no form: `manage.py createsuperuser` makes superusers.
"""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.utils import display_for_value, unquote
from django.contrib.auth.forms import BaseUserCreationForm, SetPasswordForm
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from locks.admin.filters import ByBuilding
from locks.admin.leaving import StaffingPages
from locks.admin.places import changed
from locks.admin.scope import actor
from locks.admin.shown import NONE
from locks.admin.site import site
from locks.admin.who_can import WhatAPersonCan
from locks.http import goes_on_under_new_password, sign_in_page
from locks.models import Assignment, User
from locks.services import staffing

secret = method_decorator([sensitive_post_parameters(), csrf_protect])


class AddPersonForm(BaseUserCreationForm):
    class Meta:
        model = User
        fields = ("username", "name", "email")


class HoldsARoleIn(ByBuilding):
    """People with a role in the building that is not revoked."""

    def narrow(self, value: str) -> Q:
        roles = Assignment.objects.filter(building=int(value), revoked_at=None)
        return Q(pk__in=roles.values("person"))


@admin.register(User, site=site)
class UserAdmin(StaffingPages, WhatAPersonCan):
    list_filter = (HoldsARoleIn,)
    search_fields = ("username", "name")
    ordering = ("name", "username")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        held = Assignment.objects.visible_to(actor(request)).held().select_related("building")
        roles = Prefetch("assignments", queryset=held, to_attr="held_here")
        return super().get_queryset(request).prefetch_related(roles)

    def get_list_display(self, request: HttpRequest) -> Any:
        if request.user.is_superuser:
            return ("username", "name", "is_active", "roles", "last_login", "is_superuser")
        return ("username", "name", "active_here", "roles", "last_login_here")

    def get_sortable_by(self, request: HttpRequest) -> Any:
        # An order would tell a manager what a dash keeps back.
        others = ("is_active", "last_login") if request.user.is_superuser else ()
        return ("username", "name", *others)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return ("username", "name", "email", "password1", "password2")
        if request.user.is_superuser:
            return ("username", "name", "email", "is_active", *self._told(request))
        return ("username", "name", *self._told(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return self._told(request) if obj else ()

    def _told(self, request: HttpRequest) -> tuple[str, ...]:
        if request.user.is_superuser:
            return ("new_password", "is_superuser", "last_login", "roles")
        return ("active_here", "last_login_here", "roles")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kw: Any
    ) -> Any:
        if obj is None:
            kw["form"] = AddPersonForm
        return super().get_form(request, obj, change=change, **kw)

    @secret
    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().add_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            if changes := changed(form, staffing.PERSON_FIELDS):
                staffing.change_person(actor=actor(request), person=obj, changes=changes)
            return
        values = {name: form.cleaned_data[name] for name in ("username", "name", "email")}
        password = form.cleaned_data["password1"]
        obj.pk = staffing.add_person(actor=actor(request), password=password, **values).pk

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.password_view)
        return [
            path("<path:object_id>/password/", view, name="locks_user_password"),
            *super().get_urls(),
        ]

    @secret
    def password_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Superusers set another password for someone; the old one is shown to nobody."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        person = self.get_object(request, unquote(object_id))
        if person is None:
            raise Http404
        form = SetPasswordForm(person, request.POST or None)
        if form.is_valid():
            password = form.cleaned_data["new_password1"]
            kept = staffing.set_password(actor=actor(request), person=person, password=password)
            if kept.pk == request.user.pk and not goes_on_under_new_password(request, kept):
                return HttpResponseRedirect(sign_in_page(request))
            self.message_user(request, _("The password has been set."), messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:locks_user_change", args=(person.pk,)))
        return self._password_page(request, person, form)

    def _password_page(
        self, request: HttpRequest, person: User, form: SetPasswordForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Set a new password"),
            "subtitle": str(person),
            "adminform": AdminForm(cast(Any, form), [(None, {"fields": list(form.fields)})], {}),
            "errors": form.errors,
            "media": self.media,
            "original": person,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/locks/user/password.html", context)

    def record_filter(self, obj: User) -> dict[str, Any]:
        return {"person": obj.pk}

    @admin.display(description=_("roles in force"))
    def roles(self, person: Any) -> str:
        held = person.held_here if person.is_active else ()  # a closed account has none in force
        return format_html_join(
            ", ", "{} · {}", ((role.get_role_display(), role.building) for role in held)
        )

    # How an account is today concerns the managers of where the person works today, no earlier ones.
    @admin.display(description=_("active"))
    def active_here(self, person: Any) -> str:
        if not person.held_here:
            return NONE
        return gettext("yes") if person.is_active else gettext("no")

    @admin.display(description=_("last login"))
    def last_login_here(self, person: Any) -> str:
        return display_for_value(person.last_login if person.held_here else None, NONE)

    @admin.display(description=_("password"))
    def new_password(self, person: User) -> str:
        url = reverse("admin:locks_user_password", args=(person.pk,))
        return format_html('<a href="{}">{}</a>', url, _("Set a new password"))
