"""The door's page as a phone gets it: its policy, its files, and its words."""

import re
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import translation

from tickets.door.pages.files import describe_release, files_url, render_page
from tickets.door.pages.words import WORDS, words_by_language

SCRIPTS = Path(settings.BASE_DIR) / "tickets/static/tickets/door"
# These are named by a result, a reason or a code, not in the scripts.
BY_RESULT = re.compile(
    r"\w+_do|admitted|exited|refused|already_used|revoked|wrong_\w+|unknown_ticket"
)


def our_scripts() -> str:
    return "\n".join(path.read_text() for path in SCRIPTS.glob("*.js"))


def test_the_page_runs_nothing_but_our_own_files():
    page = Client().get("/door")

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "camera=(self)" in page.headers["Permissions-Policy"]
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert addresses
    assert all(address.startswith("/") for address in addresses)
    assert not re.search(r"<[^>]+ (?:style|on\w+)=", page.content.decode())


def test_only_the_decoder_may_compile_webassembly():
    client = Client()

    policies = {
        path: client.get(path).headers["Content-Security-Policy"]
        for path in ("/door", "/door/sw.js", "/door/decoder.js")
    }

    assert [path for path, policy in policies.items() if "wasm-unsafe-eval" in policy] == [
        "/door/decoder.js"
    ]


def test_the_page_is_the_same_for_everybody_and_sets_no_cookie():
    pages = [
        Client(headers={"Accept-Language": language}).get("/door") for language in ("pt-BR", "en")
    ]

    assert pages[0].content == pages[1].content
    assert not any(page.cookies for page in pages)


def test_the_service_worker_knows_each_file_as_it_is_served():
    client, digests = Client(), describe_release().digests

    worker = client.get("/door/sw.js")

    assert worker.headers["Service-Worker-Allowed"] == "/door"
    for address, digest in digests.items():
        if address.startswith(files_url()):
            found = finders.find(address.removeprefix(settings.STATIC_URL))
            content = Path(str(found)).read_bytes()
        else:
            content = client.get(address).content
        assert sha256(content).hexdigest() == digest
        assert f'"{address}": "{digest}"' in worker.content.decode()


def test_every_script_that_a_script_imports_is_kept_for_a_phone_without_a_network():
    kept = describe_release().digests
    imported = re.findall(r'(?:from|import\()\s*"\./([^"]+)"', our_scripts())

    assert imported
    assert {f"{files_url()}{name}" for name in imported} <= set(kept)


def test_every_word_that_the_page_uses_exists_and_every_word_is_used():
    used = set(re.findall(r'data-(?:word|label)="(\w+)"', render_page()))
    used |= set(re.findall(r'"([a-z_]+)"', our_scripts()))

    unused = {name for name in WORDS if name not in used and not BY_RESULT.fullmatch(name)}

    assert unused == set()
    said = set(re.findall(r'\bsay\("(\w+)"', our_scripts()))
    said |= set(re.findall(r'data-(?:word|label)="(\w+)"', render_page()))
    assert said <= set(WORDS)


def test_both_languages_have_the_same_values_to_fill_in():
    words = words_by_language()

    for name in WORDS:
        in_braces = [re.findall(r"\{\w+\}", texts[name]) for texts in words.values()]
        assert sorted(in_braces[0]) == sorted(in_braces[1]), name
    assert words["pt-br"]["go_in"] != words["en"]["go_in"]


def test_the_language_of_an_earlier_request_does_not_change_the_page():
    with translation.override("en"):
        words = words_by_language()

    assert words["pt-br"]["start"] == "Começar"


def test_the_manifest_names_icons_of_the_right_size():
    manifest = Client().get("/door/manifest.webmanifest").json()

    assert manifest["start_url"] == manifest["scope"] == "/door"
    for icon in manifest["icons"]:
        assert finders.find(icon["src"].removeprefix(settings.STATIC_URL)) is not None
