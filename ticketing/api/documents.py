"""The API's document, and the page to read it on."""

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Document(SpectacularAPIView):
    """The document. There is one version, and it is in English: the query changes nothing."""

    def _get_version_parameter(self, request: Request) -> None:
        # The framework would write it into a header as it came.
        return None


class DocumentPage(APIView):
    """The same to read and to try. Its script is a file: a policy allows none in the page."""

    authentication_classes = []
    # A page that people follow links to, whatever these have behind a question mark.
    permission_classes = []
    renderer_classes = [TemplateHTMLRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(template_name="docs.html")
