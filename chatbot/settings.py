"""All settings, from the environment. `docs/configuration.md` explains each variable.

Two shapes: *embedded* (nothing set: SQLite, one process, in-memory broker and channel layer) and
*production* (DATABASE_URL, REDIS_URL, SECRET_KEY, PUBLIC_URL set; separate web and worker processes).
"""

from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from chatbot import env, mail_settings
from chatbot.training.live_deciding import Limits
from finetune import gate, threads

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "var")
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
REDIS_URL = env.url("REDIS_URL", schemes=["redis", "rediss", "unix"])
BROKER_URL = env.url("BROKER_URL", REDIS_URL, schemes=["redis", "rediss", "amqp", "amqps"])
REDIS_PREFIX = env.text("REDIS_PREFIX", "parley")
EMBEDDED = env.flag("EMBEDDED", not BROKER_URL)
DEBUG = env.flag("DEBUG")

if not EMBEDDED and not (BROKER_URL and REDIS_URL):
    raise ImproperlyConfigured(
        "EMBEDDED is 0, so web and workers are separate processes: set REDIS_URL (and BROKER_URL when the "
        "broker is RabbitMQ)."
    )

# --- Addresses and security -----------------------------------------------------------------------
SECRET_KEY = env.secret_key("SECRET_KEY", keep_in=DATA_DIR, generate=EMBEDDED or DEBUG)
PUBLIC_URL = env.url("PUBLIC_URL", f"http://localhost:{PORT}", schemes=["http", "https"]).rstrip("/")
_public = urlsplit(PUBLIC_URL)
HTTPS = _public.scheme == "https"
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [
    _public.hostname or "localhost",
    "localhost",
    "127.0.0.1",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", 0, maximum=10)
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Application ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "chatbot",
    "chatbot.accounts",
    "chatbot.conversations",
    "chatbot.widget",
    "chatbot.desk",
    "chatbot.knowledge",
    "chatbot.training",
    "retrieval",
    "finetune",
    "channels",
    "csp",
    "django_htmx",
    "servestatic",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "chatbot.urls"
ASGI_APPLICATION = "chatbot.asgi.application"
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
                "csp.context_processors.nonce",
            ]
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/desk/"
LOGOUT_REDIRECT_URL = "/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- The record: database -------------------------------------------------------------------------
DATABASE_URL = env.url(
    "DATABASE_URL", f"sqlite:///{DATA_DIR / 'parley.sqlite3'}", schemes=["sqlite", "postgres", "postgresql"]
)
DATABASE_POOL = env.integer("DATABASE_POOL", 16, minimum=1, maximum=200)
DATABASES = {"default": dj_database_url.parse(DATABASE_URL)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL alone fails at once on a lock upgrade; IMMEDIATE and a timeout make writers queue instead, and the
    # backend of ours wakes them in turn where they are threads of one process.
    DATABASES["default"]["ENGINE"] = "chatbot.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000;",
    }
    # Opening SQLite costs more than asking it: each thread keeps its connection for a while.
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    # A file, not shared memory: threads in tests lock as they do in production.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["OPTIONS"] = {
        "pool": {
            "min_size": 1,
            "max_size": DATABASE_POOL,
            "timeout": 20,
        }
    }

# --- Broker, channel layer, cache: carriers, never the record --------------------------------------
if REDIS_URL and not EMBEDDED:
    # pub/sub: a layer of queues loses frames under load (docs/architecture.md).
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "chatbot.conversations.live.layer.PubSubLayer",
            "CONFIG": {"url": REDIS_URL, "prefix": REDIS_PREFIX},
        }
    }
    CACHES: dict[str, dict[str, object]] = {
        "default": {
            "BACKEND": "chatbot.conversations.cache.BoundedRedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "chatbot.conversations.live.local_layer.LocalLayer"}}
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "parley",
            "OPTIONS": {"MAX_ENTRIES": 20000},
        }
    }

# --- Conversations --------------------------------------------------------------------------------
REPLY_LEASE_SECONDS = env.integer("REPLY_LEASE_SECONDS", 15, minimum=3, maximum=600)
REPLY_ATTEMPTS = env.integer("REPLY_ATTEMPTS", 3, minimum=1, maximum=20)
REPLY_CONCURRENCY = env.integer("REPLY_CONCURRENCY", 64, minimum=1, maximum=1024)
# What a worker of its own computes delays nobody. In the one process, drafts that are computed here would: each thread
# that computes is one more that the sockets' loop waits for. They leave it every second core, and rest after each draft
# as long as it took, a second at most.
_DRAFTS_HERE = EMBEDDED and env.text("GENERATOR") != "openai"
_DRAFTS = max(1, threads.usable_cores() // 2) if _DRAFTS_HERE else max(1, REPLY_CONCURRENCY // 4)
DRAFT_REST_SECONDS = 1.0 if _DRAFTS_HERE else 0.0
DRAFT_CONCURRENCY = env.integer("DRAFT_CONCURRENCY", _DRAFTS, minimum=1, maximum=1024)
REPLY_TIMEOUT_SECONDS = env.integer("REPLY_TIMEOUT_SECONDS", 120, minimum=5, maximum=3600)
FRAME_MILLISECONDS = env.integer("FRAME_MILLISECONDS", 40, minimum=5, maximum=1000)
TAKE_BACK_AFTER_MINUTES = env.integer("TAKE_BACK_AFTER_MINUTES", 5, minimum=1, maximum=1440)
MESSAGE_MAX_CHARS = env.integer("MESSAGE_MAX_CHARS", 4000, minimum=100, maximum=100_000)

# --- Limits of the widget -------------------------------------------------------------------------
LIMIT_MESSAGES_PER_VISITOR = env.text("LIMIT_MESSAGES_PER_VISITOR", "20/minute")
LIMIT_MESSAGES_PER_ADDRESS = env.text("LIMIT_MESSAGES_PER_ADDRESS", "60/minute")
LIMIT_MESSAGES_PER_INBOX = env.text("LIMIT_MESSAGES_PER_INBOX", "1200/minute")
LIMIT_CONVERSATIONS_PER_ADDRESS = env.text("LIMIT_CONVERSATIONS_PER_ADDRESS", "30/hour")
LIMIT_CONNECTIONS_PER_ADDRESS = env.text("LIMIT_CONNECTIONS_PER_ADDRESS", "120/minute")
LIMIT_GENERATIONS_PER_INBOX = env.integer("LIMIT_GENERATIONS_PER_INBOX", 64, minimum=1)
VISITOR_TOKEN_DAYS = env.integer("VISITOR_TOKEN_DAYS", 30, minimum=1, maximum=400)

# --- E-mail ---------------------------------------------------------------------------------------
_mail = mail_settings.server(env.text("EMAIL_URL"))
EMAIL_ENABLED = bool(_mail.host)
"""Off: the product does not promise to write. `make demo` turns it on with a catcher."""
# Without a server nothing leaves, also what Django or a library would send by itself.
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_ENABLED else 'dummy'}.EmailBackend"
EMAIL_HOST = _mail.host
EMAIL_PORT = _mail.port
EMAIL_HOST_USER = _mail.user
EMAIL_HOST_PASSWORD = _mail.password
EMAIL_USE_TLS = _mail.tls
EMAIL_USE_SSL = _mail.ssl
EMAIL_TIMEOUT = env.integer("EMAIL_TIMEOUT", 20, minimum=1, maximum=100)
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"chat@{_public.hostname or 'localhost'}")
EMAIL_DELAY_SECONDS = env.integer("EMAIL_DELAY_SECONDS", 60, minimum=0, maximum=86400)
EMAIL_PER_UNVERIFIED_ADDRESS = env.integer("EMAIL_PER_UNVERIFIED_ADDRESS", 5, minimum=1, maximum=1000)
INBOUND_EMAIL_DOMAIN = env.text("INBOUND_EMAIL_DOMAIN").lower()
INBOUND_EMAIL_HOST = env.text("INBOUND_EMAIL_HOST", "127.0.0.1")
INBOUND_EMAIL_PORT = env.integer("INBOUND_EMAIL_PORT", 0, maximum=65535)
INBOUND_EMAIL_MAX_BYTES = env.integer("INBOUND_EMAIL_MAX_BYTES", 10 * 1024 * 1024, minimum=10_000)
INBOUND_EMAIL_PER_HOUR = env.integer("INBOUND_EMAIL_PER_HOUR", 30, minimum=1, maximum=100_000)
MAIL_DIR = DATA_DIR / "mail"

# --- Retrieval ------------------------------------------------------------------------------------
EMBEDDER_MODEL = env.text("EMBEDDER_MODEL")
INDEX_DIR = DATA_DIR / "indexes"
UPLOAD_DIR = DATA_DIR / "uploads"
UPLOAD_MAX_BYTES = env.integer("UPLOAD_MAX_BYTES", 25 * 1024 * 1024, minimum=1024)
CRAWL_MAX_PAGES = env.integer("CRAWL_MAX_PAGES", 500, minimum=1, maximum=100_000)
CRAWL_ALLOW_PRIVATE = env.flag("CRAWL_ALLOW_PRIVATE")
CRAWL_DELAY_SECONDS = env.number("CRAWL_DELAY_SECONDS", 0.5, minimum=0.0, maximum=60.0)

# Before anything imports torch or faiss: one core stays free, and waiting threads sleep.
threads.prepare_environment()

# --- Generator ------------------------------------------------------------------------------------
GENERATOR = env.text("GENERATOR", choices=["", "extractive", "transformers", "openai", "mock"])
GENERATOR_MODEL = env.text("GENERATOR_MODEL")
GENERATOR_ADAPTER = env.text("GENERATOR_ADAPTER")
GENERATOR_MAX_NEW_TOKENS = env.integer("GENERATOR_MAX_NEW_TOKENS", 320, minimum=8, maximum=8192)
GENERATOR_CONTEXT_TOKENS = env.integer("GENERATOR_CONTEXT_TOKENS", 3072, minimum=256, maximum=1_000_000)
GENERATOR_BATCH = env.integer("GENERATOR_BATCH", 16, minimum=1, maximum=1024)
GENERATOR_DEVICE = env.text("GENERATOR_DEVICE")
GENERATOR_DTYPE = env.text("GENERATOR_DTYPE", choices=["", "float32", "bfloat16", "float16"])
GENERATOR_OPTIONS = env.numbers("GENERATOR_OPTIONS")
CANARY_LIMITS = env.numbers("CANARY_LIMITS")
try:
    Limits.of(CANARY_LIMITS)
except ValueError as _error:
    raise ImproperlyConfigured(f"CANARY_LIMITS cannot be used: {_error}") from _error
ADAPTER_DIR = DATA_DIR / "adapters"
DATASET_DIR = DATA_DIR / "datasets"
TRAINING_DIR = DATA_DIR / "training"
WANDB_PROJECT = env.text("WANDB_PROJECT")
EVALUATION_DIR = DATA_DIR / "evaluations"
EXAM_FILE = env.text("EXAM_FILE")
GATE_LIMITS = env.numbers("GATE_LIMITS")
try:
    gate.Limits.of(GATE_LIMITS)
except ValueError as error:
    raise ImproperlyConfigured(f"GATE_LIMITS cannot be used: {error}") from error
OPENAI_BASE_URL = env.url("OPENAI_BASE_URL", schemes=["http", "https"])
OPENAI_API_KEY = env.text("OPENAI_API_KEY")

# --- Celery ---------------------------------------------------------------------------------------
CELERY_BROKER_URL = "memory://localhost/" if EMBEDDED else BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "index"
CELERY_TASK_ROUTES = {
    "chatbot.conversations.tasks.*": {"queue": "replies"},
    "chatbot.conversations.clock_tasks.*": {"queue": "index"},
    "chatbot.desk.tasks.try_canned": {"queue": "replies"},
    "chatbot.conversations.mail.tasks.*": {"queue": "index"},
    "retrieval.tasks.*": {"queue": "index"},
    "chatbot.knowledge.tasks.*": {"queue": "index"},
    "chatbot.training.staleness.*": {"queue": "index"},
    "chatbot.training.live_figures.*": {"queue": "index"},
    "finetune.tasks.*": {"queue": "training"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONSUMER = "chatbot.worker_consumer:Consumer"
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}
# The database finds lost work (reconcile), so the broker need not hold it for hours.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if EMBEDDED:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.005}
elif not BROKER_URL.startswith("amqp"):
    # Without a timeout a Redis that hangs would hold every thread that rings for a job, for ever.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "socket_connect_timeout": 2,
        "socket_timeout": 3,
        "socket_keepalive": True,
    }
CELERY_BEAT_SCHEDULE = {
    "reconcile-replies": {"task": "chatbot.conversations.tasks.reconcile", "schedule": 5.0},
    "reconcile-index": {"task": "retrieval.tasks.reconcile", "schedule": 30.0},
    "reconcile-intake": {"task": "retrieval.intake_tasks.reconcile", "schedule": 30.0},
    "wake-snoozed": {"task": "chatbot.conversations.clock_tasks.wake_snoozed", "schedule": 30.0},
    "route-waiting": {"task": "chatbot.conversations.clock_tasks.route_waiting", "schedule": 10.0},
    "tell-queues": {"task": "chatbot.conversations.clock_tasks.tell_queues", "schedule": 15.0},
    "find-emails": {"task": "chatbot.conversations.mail.tasks.find", "schedule": 10.0},
    "reclaim-trainings": {"task": "finetune.tasks.reclaim", "schedule": 30.0},
    "finish-erasures": {"task": "chatbot.training.tasks.finish_erasures", "schedule": 60.0},
    "watch-canary": {"task": "chatbot.training.live_figures.watch", "schedule": 60.0},
    "reconcile-evaluations": {"task": "finetune.tasks.reconcile_evaluations", "schedule": 15.0},
    "look-for-stale-examples": {"task": "chatbot.training.staleness.look_for_stale", "schedule": 300.0},
    "purge-visitors": {"task": "chatbot.widget.tasks.purge", "schedule": 86400.0},
}

# --- Languages, static files, logging --------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "chatbot" / "locale"]
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "chatbot" / "static"]
SERVESTATIC_USE_FINDERS = EMBEDDED or DEBUG
SERVESTATIC_AUTOREFRESH = False
LOG_LEVEL = env.text("LOG_LEVEL", "INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {name: {"level": LOG_LEVEL, "propagate": True} for name in ("chatbot", "retrieval", "finetune")},
}
