"""`/schema`, which serves the committed OpenAPI document, and `/docs`, the page that shows it."""

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

_READ_METHODS: Final = ("GET", "HEAD")
_YAML: Final = "application/vnd.oai.openapi"
# The file format of each media type that a caller may accept, the default first.
_FORMATS: Final = {
    _YAML: "yaml",
    "application/yaml": "yaml",
    "application/vnd.oai.openapi+json": "json",
    "application/json": "json",
}


@dataclass(frozen=True, slots=True)
class _Rendering:
    """The document in one file format. Each process makes it once."""

    plain: bytes
    gzipped: bytes
    etag: str


@csrf_exempt
def document(request: HttpRequest) -> HttpResponseBase:
    """Return the document. There is one version, in English, so the query string is ignored."""
    if request.method not in _READ_METHODS:
        return method_not_allowed(request, *_READ_METHODS)
    accepted = request.META.get("HTTP_ACCEPT", "*/*")
    # `get_preferred_type` parses the header, which is slow. Most callers accept anything.
    media_type = _YAML if accepted == "*/*" else request.get_preferred_type(list(_FORMATS))
    if media_type is None:
        return not_acceptable(request)
    file_format = _FORMATS[media_type]
    rendering = _render(file_format)
    gzips = _accepts_gzip(request.META.get("HTTP_ACCEPT_ENCODING", ""))
    etag = f'"{rendering.etag}{"-gzip" * gzips}"'
    content = rendering.gzipped if gzips else rendering.plain
    response = HttpResponse(content, content_type=media_type)
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Accept, Accept-Encoding"
    if "HTTP_IF_NONE_MATCH" in request.META:
        conditional = get_conditional_response(request, etag=etag, response=response)
        if conditional is not None and conditional is not response:
            return conditional
    response.headers["Content-Disposition"] = f'inline; filename="bilheteria.{file_format}"'
    if gzips:
        response.headers["Content-Encoding"] = "gzip"
    return response


# Its responses have no translated text, so their language need not be set.
document.needs_no_language = True  # type: ignore[attr-defined]


class DocumentPage(APIView):
    """The page to read the document and try the API. The page's policy forbids inline scripts."""

    authentication_classes = []
    # Without `KnownParameters`: people follow links to this page that may carry any parameters.
    permission_classes = []
    renderer_classes = [TemplateHTMLRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(template_name="docs.html")


@cache
def _render(file_format: str) -> _Rendering:
    plain = (settings.BASE_DIR / "docs" / "openapi.yaml").read_bytes()
    if file_format == "json":
        plain = json.dumps(yaml.load(plain, yaml.CSafeLoader), ensure_ascii=False).encode()
    return _Rendering(
        plain, gzip.compress(plain, mtime=0), hashlib.blake2b(plain, digest_size=12).hexdigest()
    )


def _accepts_gzip(accept_encoding: str) -> bool:
    """Say whether a caller accepts gzip. `gzip;q=0` refuses it."""
    for encoding in accept_encoding.split(","):
        name, _, quality = encoding.partition(";")
        if name.strip().lower() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
