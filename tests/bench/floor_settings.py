"""
Settings of the floor: a Django without middleware, with the same server and database drivers.

Its requests per second are the floor with which ours are compared.
"""

from environ import Env

env = Env()

SECRET_KEY = env("SECRET_KEY")
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.bench.floor"
MIDDLEWARE: list[str] = []
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = None
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
LOGGING_CONFIG = None
