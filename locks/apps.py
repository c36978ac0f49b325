"""The one Django app: models, the services that write them, and the ways in."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate, pre_migrate


class LocksConfig(AppConfig):
    name = "locks"
    verbose_name = "accessdesk"

    def ready(self) -> None:
        from locks import append_only, checks, http, migrating, names

        pre_migrate.connect(migrating.lift_limits, sender=self)
        post_migrate.connect(migrating.set_limits_again, sender=self)
        # SQLite drops a table's triggers when a migration alters it, and minds those that name it.
        pre_migrate.connect(append_only.uninstall_before_migrate, sender=self)
        post_migrate.connect(append_only.install_after_migrate, sender=self)
        user_logged_in.connect(http.note_sign_in)
        names.name_for_people(self)
        register(checks.check_triggers, Tags.database)
