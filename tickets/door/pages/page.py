"""The door's page, and the scripts and the manifest that it has at addresses of its own."""

import json
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ticketing.pages.shop import REVALIDATED
from tickets.door.pages.files import PAGE, describe_release, files_url, render_decoder, render_page

# Everything is our own. The page itself may not compile WebAssembly: only the decoder may.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self';"
    " connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_DECODER_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
)
_WORKER_POLICY: Final = "default-src 'none'; connect-src 'self'"
_PERMISSIONS: Final = (
    "camera=(self), screen-wake-lock=(self), geolocation=(), microphone=(), payment=(), usb=()"
)
_SCRIPT_TYPE: Final = "text/javascript; charset=utf-8"
_WORKER: Final = (Path(__file__).parent / "service_worker.js").read_text()


@require_safe
def show_door(request: HttpRequest) -> HttpResponse:
    """Show the page. It has no data: what a phone may see, it asks with its own token."""
    page = HttpResponse(render_page())
    page.headers["Content-Security-Policy"] = _POLICY
    page.headers["Permissions-Policy"] = _PERMISSIONS
    page.headers["Referrer-Policy"] = "no-referrer"
    page.headers["X-Robots-Tag"] = "noindex"
    page.headers["Cache-Control"] = REVALIDATED
    return page


@require_safe
def send_service_worker(request: HttpRequest) -> HttpResponse:
    """Send the script that answers for the page without a network."""
    release = describe_release()
    constants = f"const VERSION = {json.dumps(release.version)};\n"
    constants += f"const PAGE = {json.dumps(PAGE)};\n"
    constants += f"const FILES = {json.dumps(release.digests, indent=1)};\n"
    response = _send_script(constants + _WORKER, _WORKER_POLICY)
    # Its own folder is /door/, and the page is beside it.
    response.headers["Service-Worker-Allowed"] = PAGE
    return response


@require_safe
def send_decoder(request: HttpRequest) -> HttpResponse:
    """Send the script of the worker that finds codes in pictures."""
    return _send_script(render_decoder(), _DECODER_POLICY)


@require_safe
def send_manifest(request: HttpRequest) -> HttpResponse:
    """Send the description with which a phone puts the page on its home screen."""
    icons = [
        {"src": f"{files_url()}icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    maskable = {**icons[1], "src": f"{files_url()}icon-maskable.png", "purpose": "maskable"}
    manifest = {
        "id": PAGE,
        "name": "Bilheteria: portaria",
        "short_name": "Portaria",
        "start_url": PAGE,
        "scope": PAGE,
        "display": "standalone",
        "background_color": "#101216",
        "theme_color": "#101216",
        "icons": [*icons, maskable],
    }
    return HttpResponse(json.dumps(manifest), content_type="application/manifest+json")


def _send_script(text: str, policy: str) -> HttpResponse:
    response = HttpResponse(text, content_type=_SCRIPT_TYPE)
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cache-Control"] = REVALIDATED
    return response
