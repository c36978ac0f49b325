"""All addresses: the app's at the root, the records' admin, and the probes. `/live/` is in asgi.py."""

from django.urls import include, path

from locks.admin.site import site
from locks.views.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", site.urls),
    path("", include("locks.urls")),
]
handler400 = "locks.views.errors.bad_request"
handler403 = "locks.views.errors.forbidden"
handler404 = "locks.views.errors.not_found"
handler500 = "locks.views.errors.server_error"
