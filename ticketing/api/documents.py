"""The API's document as it is committed, and the page to read it on."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Final

import yaml
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ticketing.api.problems import method_not_allowed, not_acceptable

_READING: Final = ("GET", "HEAD")
_YAML: Final = "application/vnd.oai.openapi"
# Each form that a caller may ask for, ours first.
_FORMS: Final = {
    _YAML: "yaml",
    "application/yaml": "yaml",
    "application/vnd.oai.openapi+json": "json",
    "application/json": "json",
}


@dataclass(frozen=True, slots=True)
class _Form:
    """The document in one form: made once in each process."""

    whole: bytes
    packed: bytes
    etag: str


@csrf_exempt
def document(request: HttpRequest) -> HttpResponseBase:
    """Return the document. There is one version, in English: the query changes nothing."""
    if request.method not in _READING:
        return method_not_allowed(request, *_READING)
    # Most callers name no form; only the others are worth a closer look.
    named = request.META.get("HTTP_ACCEPT", "*/*")
    kind = _YAML if named == "*/*" else request.get_preferred_type(list(_FORMS))
    if kind is None:
        return not_acceptable(request)
    ending = _FORMS[kind]
    form = _form(ending)
    packs = _takes_gzip(request.META.get("HTTP_ACCEPT_ENCODING", ""))
    etag = f'"{form.etag}{"-gzip" * packs}"'
    answer = HttpResponse(form.packed if packs else form.whole, content_type=kind)
    answer.headers["ETag"] = etag
    answer.headers["Vary"] = "Accept, Accept-Encoding"
    if "HTTP_IF_NONE_MATCH" in request.META:
        told = get_conditional_response(request, etag=etag, response=answer)
        if told is not None and told is not answer:
            return told
    answer.headers["Content-Disposition"] = f'inline; filename="bilheteria.{ending}"'
    if packs:
        answer.headers["Content-Encoding"] = "gzip"
    return answer


# It says nothing that has a translation.
document.speaks_for_itself = True  # type: ignore[attr-defined]


class DocumentPage(APIView):
    """The same to read and to try. Its script is a file: a policy allows none in the page."""

    authentication_classes = []
    # A page that people follow links to, whatever these have behind a question mark.
    permission_classes = []
    renderer_classes = [TemplateHTMLRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(template_name="docs.html")


@cache
def _form(ending: str) -> _Form:
    whole = (settings.BASE_DIR / "docs" / "openapi.yaml").read_bytes()
    if ending == "json":
        whole = json.dumps(yaml.load(whole, yaml.CSafeLoader), ensure_ascii=False).encode()
    return _Form(
        whole, gzip.compress(whole, mtime=0), hashlib.blake2b(whole, digest_size=12).hexdigest()
    )


def _takes_gzip(encodings: str) -> bool:
    """Say whether a caller takes gzip: it may name it to refuse it."""
    for word in encodings.split(","):
        name, _, quality = word.partition(";")
        if name.strip().lower() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
