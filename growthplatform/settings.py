"""Django's settings. What an operator may change is in config.py; this file says how Django uses it."""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django_stubs_ext
import orjson
import structlog
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_dumps, set_json_loads

from growthplatform.config import config, networks
from growthplatform.core.log import logging_config
from growthplatform.core.staff import UNFOLD  # noqa: F401 -- the admin's kit looks for it here
from growthplatform.launcher.data import find_data

django_stubs_ext.monkeypatch()  # so that ModelForm[Project] and the like mean something at run time
set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = config.debug
BASE_URL = (config.base_url or f"http://localhost:{config.port}").rstrip("/")
# Without SECRET_KEY the sessions of this one checkout are signed with a key made from where it lives and its
# database, which `check --deploy` refuses; a production start needs a real one.
SECRET_KEY = config.secret_key or hashlib.sha256(f"insecure {BASE_DIR} {config.database_url}".encode()).hexdigest()
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
# An installation that says its address answers to no other name; one that does not say it is tried out somewhere.
ALLOWED_HOSTS = [host for host in config.allowed_hosts.split(",") if host] or (
    [str(urlsplit(BASE_URL).hostname), *LOCAL_HOSTS] if config.base_url else ["*"]
)
CSRF_TRUSTED_ORIGINS = [BASE_URL]
ROOT_URLCONF = "growthplatform.urls"
WSGI_APPLICATION = "growthplatform.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_NAME = "Growth Platform"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "auditlog",
    "django_celery_beat",
    "django_htmx",
    "django_prometheus",
    "drf_spectacular",
    "rest_framework",
    "template_partials",
    "growthplatform.core",
    "customers",
    "events",
    "attribution",
    "analytics",
]

MIDDLEWARE = [
    "growthplatform.core.middleware.ContentSecurityPolicy",
    "attribution.hosts.LinkHosts",
    "growthplatform.core.middleware.BusyDoors",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # A page of tables shrinks to a sixth; Django masks the CSRF token anew in each answer, so nothing leaks by length.
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "customers.activity.ActivityMiddleware",
    "events.engine.tickets.QuestionTickets",
    "django_htmx.middleware.HtmxMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

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
                "customers.pages.frame",
            ],
            "builtins": ["growthplatform.core.templatetags.product"],
        },
    }
]

_database = conninfo_to_dict(config.database_url or "postgresql:///growth")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.pop("dbname", "growth"),
        "USER": _database.pop("user", ""),
        "PASSWORD": _database.pop("password", ""),
        "HOST": _database.pop("host", ""),
        "PORT": _database.pop("port", ""),
        "OPTIONS": {
            **_database,
            # A thread of a web worker holds one connection; the pool waits rather than refuses when all are busy.
            "pool": {"min_size": 1, "max_size": config.web_threads + 2, "timeout": 10},
            "prepare_threshold": 2,
        },
        "TEST": {"NAME": "growth_test"},
    }
}

REDIS_URL = config.redis_url or "redis://localhost:6379/0"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

_redis = urlsplit(REDIS_URL)
CELERY_BROKER_URL = f"redis+socket://{_redis.path}?virtual_host=0" if _redis.scheme == "unix" else REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_TIMEZONE = "UTC"

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "customers:project-list"
ACCOUNT_ADAPTER = "customers.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not config.https

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["growthplatform.core.api.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["growthplatform.core.api.OrjsonParser"],
    "DEFAULT_SCHEMA_CLASS": "growthplatform.core.schema.Schema",
    "EXCEPTION_HANDLER": "growthplatform.core.api.answer_problem",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Growth Platform",
    "DESCRIPTION": "One stream of events in; attribution, links and people out. A refusal has a code and a sentence.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "attribution.openapi.describe_links",
    ],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "secretKey": {"type": "http", "scheme": "bearer", "description": "A secret key, sk_…"},
            "writeKey": {"type": "http", "scheme": "basic", "description": "The write key, wk_…, as the user name"},
        }
    },
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [("", BASE_DIR / "static" / "dist")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Pages only ever name the hashed copies; compressing both would double the wait of a first start.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
NODE_MODULES = BASE_DIR / "node_modules"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = config.https
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if config.https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if config.trusted_proxies else None
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES = config.trusted_proxies
COUNTRY_HEADER = config.country_header
COUNTRY_RANGES = config.country_ranges

_mail = urlsplit(config.email_url)
DEFAULT_FROM_EMAIL = config.email_from
EMAIL_FILE_PATH = BASE_DIR / "var" / "mail"
EMAIL_BACKEND = {
    "file": "django.core.mail.backends.filebased.EmailBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
}.get(_mail.scheme, "django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or 25
# A name or password with signs of an address in it (user@host) is written with percents.
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
EMAIL_USE_TLS = _mail.scheme == "smtp+tls"

APPLE_ADS_URL = config.apple_ads_url
OUTBOUND_PRIVATE_NETWORKS = networks(config.outbound_private_networks)

LOGGING_CONFIG = None
structlog.configure(**logging_config(config.log_format))

AUDITLOG_DISABLE_REMOTE_ADDR = False
PROMETHEUS_EXPORT_MIGRATIONS = False

INGEST_EVENTS_PER_SECOND = config.ingest_events_per_second
INGEST_REQUESTS_PER_SECOND = config.ingest_requests_per_second

_data = find_data(os.environ).folder
SEGMENTS_URL = config.segments_url or str(_data / "segments")
SEGMENT_CACHE = _data / "segment-copies"
SEGMENT_CACHE_MB = config.segment_cache_mb
EXPORTS_URL = config.exports_url or str(_data / "exports")
EXPORTS_WORK = _data / "exports-work"
HOT_DAYS = config.hot_days
ANALYTICS_ENGINE = config.analytics_engine
ANALYTICS_MEMORY_MB = config.analytics_memory_mb
ANALYTICS_SECONDS = config.analytics_seconds
ANALYTICS_FRESH_SECONDS = config.analytics_fresh_seconds
SPARK_URL = config.spark_url
