"""Settings, typed, from the environment (see .env.example). A missing or unsafe value stops the start.

https://docs.djangoproject.com/en/5.2/ref/settings/
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from csp.constants import NONE, SELF

from accessdesk.environment import (
    Reader,
    checked_desk_url,
    checked_destination,
    checked_endpoint,
    checked_provider,
    checked_proxies,
    checked_signing_key,
    checked_webhook_secrets,
    is_loopback,
    made_secret,
    stop,
)
from accessdesk.static_headers import static_headers

BASE_DIR = Path(__file__).resolve().parent.parent
# What this installation keeps on disk: databases, the embedded broker, the made SECRET_KEY.
VAR_DIR = Path(os.environ.get("ACCESSDESK_VAR") or BASE_DIR / "var")
env = Reader(Path(os.environ.get("ACCESSDESK_ENV_FILE") or BASE_DIR / ".env"))

# --- Seam -------------------------------------------------------------------------------------
SEAM_SIMULATED = env.flag("SEAM_SIMULATED", default=False)
SIMULATED_KEY = "seam_simulated_key"  # opens nothing: the simulator listens on loopback only
SEAM_API_KEY = env.text("SEAM_API_KEY")
SEAM_ENDPOINT = checked_endpoint(
    env.text("SEAM_ENDPOINT")
    or ("http://127.0.0.1:8001" if SEAM_SIMULATED else "https://connect.getseam.com")
)
# Two while one replaces the other.
SEAM_WEBHOOK_SECRETS = checked_webhook_secrets(env.words("SEAM_WEBHOOK_SECRET"))
if SEAM_SIMULATED:
    if SEAM_API_KEY not in {"", SIMULATED_KEY}:
        stop("SEAM_SIMULATED=1 and a SEAM_API_KEY exclude each other: unset one of them.")
    if not is_loopback(SEAM_ENDPOINT.split("://", 1)[1].rsplit(":", 1)[0]):
        stop("SEAM_SIMULATED=1 needs a SEAM_ENDPOINT on loopback.")
    SEAM_API_KEY = SIMULATED_KEY
elif not SEAM_API_KEY:
    stop("SEAM_API_KEY is not set. Set it, or SEAM_SIMULATED=1 to try without real doors.")
elif not SEAM_API_KEY.startswith("seam_") or not SEAM_API_KEY.isascii() or " " in SEAM_API_KEY:
    stop("SEAM_API_KEY does not look like a Seam API key (they begin with seam_).")
elif SEAM_API_KEY == SIMULATED_KEY:
    stop("SEAM_API_KEY is the simulator's; set SEAM_SIMULATED=1 to use it.")

# A web process that is asked to stop lets presses finish for 30 s: sending, answer and recording
# have to fit into them.
UNLOCK_SEND_TIMEOUT = env.seconds("UNLOCK_SEND_TIMEOUT", default=10, least=0.05, most=20)
UNLOCK_RESOLVE_TIMEOUT = env.seconds("UNLOCK_RESOLVE_TIMEOUT", default=30, least=0.05, most=600)
# Seconds that Seam has for its answer once the press is on its way, and for each read.
UNLOCK_ANSWER_TIMEOUT = env.seconds("UNLOCK_ANSWER_TIMEOUT", default=8, least=0.05, most=8)

# --- Secrets and hosts ------------------------------------------------------------------------
SECRET_KEY = env.text("SECRET_KEY") or made_secret(VAR_DIR / "secret_key")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5 or SECRET_KEY.startswith("django-insecure"):
    stop("SECRET_KEY must be at least 50 random characters (`make run` makes one into var/).")
AUDIT_SIGNING_KEY = checked_signing_key(env.text("AUDIT_SIGNING_KEY"))
AUDIT_CHECKPOINT_TO = checked_destination(env.words("AUDIT_CHECKPOINT_TO"))
DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = checked_proxies(env.words("TRUSTED_PROXIES"))
if any("*" in host for host in ALLOWED_HOSTS):
    stop("ALLOWED_HOSTS must name each host; `*` would accept any.")
if any(not origin.startswith(("https://", "http://")) for origin in CSRF_TRUSTED_ORIGINS):
    stop("CSRF_TRUSTED_ORIGINS must list origins such as https://desk.example.com.")
# A name beyond this machine means HTTPS: cookies, redirects and HSTS follow from it.
HTTPS = not all(is_loopback(host) for host in ALLOWED_HOSTS)
# Where people reach the desk, for links in mails.
DESK_URL = checked_desk_url(
    env.text("DESK_URL"), ALLOWED_HOSTS, https=HTTPS, port=env.text("PORT", "8000")
)
if DEBUG and HTTPS:
    stop("DEBUG=1 is for this machine only; unset it or ALLOWED_HOSTS.")

# --- Application ------------------------------------------------------------------------------
INSTALLED_APPS = [
    "locks",  # first: its createsuperuser, which writes the record, wins over Django's
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django_htmx",
    "csp",
    # Sign-in: throttles, second factors, passkeys, single sign-on, the list of one's sessions.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    "accessdesk.static_files.StaticFiles",
    "accessdesk.static_files.CompressedPages",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "locks.http.NoStore",
    "locks.http.OddInput",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "locks.http.IdleSignOut",
    "locks.http.OtherSession",
    "locks.http.LoginRequired",
    "locks.identity.required.SecondFactorRequired",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "accessdesk.urls"
ASGI_APPLICATION = "accessdesk.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "locks.http.page_context",
            ]
        },
    }
]
AUTH_USER_MODEL = "locks.User"
# Length is what slows guessing down; with the throttle and a list of the 20,000 most common passwords
# (Django's own), 12 leaves nothing that guessing over the network finds. Rules of what signs to use
# only make people write passwords down (NIST SP 800-63B, 3.1.1.2).
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in (
            "UserAttributeSimilarityValidator",
            "CommonPasswordValidator",
            "NumericPasswordValidator",
        )
    ),
]
PASSWORD_RESET_TIMEOUT = 3600  # a link in a mail is good for an hour, and once
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "login"

# --- Identity (django-allauth) ----------------------------------------------------------------
# Whether managers and superusers need a second factor. In the practice room nobody has a phone ready.
MFA_REQUIRED = env.flag("MFA_REQUIRED", default=not SEAM_SIMULATED)
ACCOUNT_ADAPTER = "locks.identity.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "locks.identity.adapters.SingleSignOnAdapter"
MFA_ADAPTER = "locks.identity.adapters.FactorAdapter"
# allauth counts in Django's cache, which here is each process's own, and answers without saying when
# to come back. services.throttling counts in the database instead, wherever something can be guessed.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_FORMS = {"reauthenticate": "locks.identity.forms.PasswordAgainForm"}
MFA_FORMS = {
    "authenticate": "locks.identity.forms.CodeForm",
    "reauthenticate": "locks.identity.forms.CodeAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody sets their own account's address
MFA_RECOVERY_CODES_SHOW_ONCE = (
    True  # the desk is shared: what was shown once is not there to be found
)
MFA_TOTP_ISSUER = "accessdesk"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
# Single sign-on with an OpenID Connect provider; unset: no button, and its routes answer 404.
OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET = checked_provider(
    env.text("OIDC_ISSUER"), env.text("OIDC_CLIENT_ID"), env.text("OIDC_CLIENT_SECRET")
)
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER},
            }
        ],
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# A page speaks the browser's language where that is among these, else the first. A language is one of them
# when all of it is translated and a native reader has read its outcomes (CONTRIBUTING.md).
LANGUAGES = [("en", "English")]
LANGUAGE_CODE = LANGUAGES[0][0]
LOCALE_PATHS = [BASE_DIR / "locks" / "locale"]
TIME_ZONE = "UTC"  # the record's zone; people read their building's
USE_TZ = True

# --- Database ---------------------------------------------------------------------------------
# Simulated doors have a file of their own, so that no demo account ever stands beside a real door.
DATABASE_FILE = VAR_DIR / ("simulated.sqlite3" if SEAM_SIMULATED else "accessdesk.sqlite3")
DATABASES = {"default": env.database("DATABASE_URL", default=f"sqlite:///{DATABASE_FILE}")}
DATABASES["default"]["ATOMIC_REQUESTS"] = False  # what was recorded must survive a failing view
if "sqlite3" in str(DATABASES["default"]["ENGINE"]):
    # IMMEDIATE and a long wait: no "database is locked"; WAL: readers never wait;
    # FULL: what is committed survives a power cut (guarantee G1).
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    DATABASES["default"]["OPTIONS"] = {
        # Bound by the presses that may wait for Seam at the same time, not by open consoles.
        "pool": {"min_size": 1, "max_size": 40, "timeout": 5},
        "connect_timeout": 3,
        # A process that stands still in a transaction (a suspended machine, a cut network) holds its
        # building's chain: it is cut off before those who wait for the chain give up.
        "options": "-c synchronous_commit=on -c lock_timeout=10s -c statement_timeout=20s"
        " -c idle_in_transaction_session_timeout=8s",
    }

# --- Celery (only nudges travel here; the rows are the truth) ---------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    CELERY_BROKER_URL = "filesystem://localhost"  # the transport warns where there is no host name
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT = "accessdesk.embedded_broker:Transport"
    BROKER_DIR = VAR_DIR / ("broker-simulated" if SEAM_SIMULATED else "broker")
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.05,
    }
elif CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_timeout": 0.7,  # paid twice: a frozen broker holds a press up for 1.6 s, once a minute
        "socket_connect_timeout": 0.5,
        "socket_keepalive": True,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
        "visibility_timeout": 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
elif not CELERY_BROKER_URL.startswith(("amqp://", "amqps://")):
    stop("CELERY_BROKER_URL must be a redis://, rediss://, amqp:// or filesystem:// address.")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "locks.tasks.sweep",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    # What Seam's webhooks did not bring: the receiver was down, or there is none.
    "catch-up-events": {
        "task": "locks.tasks.catch_up_events",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    # Health and names of the locks. Well within the ten minutes after which a card says how old they are.
    "sync-devices": {
        "task": "locks.tasks.sync_devices",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    # What managers should look at.
    "find-reviews": {
        "task": "locks.tasks.find_reviews",
        "schedule": timedelta(minutes=5),
        "options": {"expires": 300},
    },
    # Each person's mail goes once a day, in the morning of their building; this asks who is due it.
    "send-daily-reviews": {
        "task": "locks.tasks.send_daily_reviews",
        "schedule": timedelta(minutes=15),
        "options": {"expires": 900},
    },
    # What managers are told at once. Found once a minute; what waits leaves each time.
    "alert": {
        "task": "locks.tasks.alert",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 15},
    },
    # The whole record walked while few press, and a checkpoint sent away.
    "prove-record": {
        "task": "locks.tasks.prove_record",
        "schedule": crontab(hour="3", minute="10"),
        "options": {"expires": 3600},
    },
}

# --- Sessions, cookies, transport security ----------------------------------------------------
SESSION_IDLE_MINUTES = env.seconds("SESSION_IDLE_MINUTES", default=15, least=1, most=720)
SESSION_COOKIE_AGE = 12 * 3600  # nobody stays signed in longer than a shift
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "accessdesk_session"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "accessdesk_csrf"
CSRF_COOKIE_HTTPONLY = True
# What a PC that a manager enrolled is known by; as the session's, and kept as long as browsers keep any.
SHARED_PC_COOKIE_NAME = "__Host-pc" if HTTPS else "accessdesk_pc"
SHARED_PC_COOKIE_AGE = 400 * 86_400
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# HSTS for sub-domains and the preload list bind a whole domain: its owner decides, at the proxy.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked by the machine itself, without TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "locks.views.errors.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # the admin's own style sheet draws icons as data: images
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Static files, mail, logging --------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
SERVESTATIC_ALLOW_ALL_ORIGINS = False
SERVESTATIC_ADD_HEADERS_FUNCTION = static_headers
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "accessdesk.static_files.VersionedFiles"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "accessdesk.static_files.JoinedFiles",
]
# What the desk loads beside what all pages do. The order counts: of scripts, who uses whom; of style
# sheets, who wins.
DESK_SCRIPTS = (
    "live",
    "steady",
    "adopt",
    "elapsed",
    "press_passkey",
    "typed",
    "confirm",
    "telling",
    "desk",
    "ring",
    "own",
    "log",
    "find",
    "hold",
)
DESK_STYLES = ("lock", "confirm", "state", "lost", "log", "find")
JOINED_STATIC_FILES = {
    "locks/desk-page.js": [f"locks/{name}.js" for name in DESK_SCRIPTS],
    "locks/desk-page.css": [f"locks/{name}.css" for name in DESK_STYLES],
}
SERVESTATIC_USE_FINDERS = True  # no collectstatic step; deployments may still collect
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
vars().update(env.email("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 20  # a mail server that stands still must not hold up a worker
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "accessdesk.logs.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {"brief": {"()": "accessdesk.logs.NoTraceOfRefusals"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["brief"]}
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": [], "propagate": True, "level": "WARNING"},
        "locks": {"level": "INFO"},
        # Its debug lines would print headers.
        "urllib3": {"level": "WARNING"},
    },
}
