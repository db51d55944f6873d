"""`/schema` serves the document plain, gzipped or as JSON, or a 304 to a caller that has it."""

import gzip
import json
from pathlib import Path

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from tests.api.test_document import DOCUMENT

FILE = Path(settings.BASE_DIR) / "docs/openapi.yaml"
FORMS = ["*/*", "application/vnd.oai.openapi", "application/yaml", "application/json"]


@pytest.mark.parametrize("accept", FORMS)
@pytest.mark.parametrize("encoding", ["", "gzip, deflate, br"])
def test_a_caller_with_a_current_copy_of_the_document_gets_304(
    api: APIClient, accept: str, encoding: str
):
    headers = {"accept": accept, "accept-encoding": encoding}

    first = api.get("/schema", headers=headers)
    same = api.get("/schema", headers={**headers, "if-none-match": first.headers["ETag"]})
    other = api.get("/schema", headers={**headers, "if-none-match": '"of-another-release"'})

    assert (first.status_code, same.status_code, other.status_code) == (200, 304, 200)
    assert (same.content, same.headers["ETag"]) == (b"", first.headers["ETag"])
    assert "Accept" in same.headers["Vary"]
    assert other.content == first.content


def test_each_format_and_encoding_of_the_document_has_its_own_tag(api: APIClient):
    tags = {
        api.get("/schema", headers={"accept": accept, "accept-encoding": encoding}).headers["ETag"]
        for accept in ("application/yaml", "application/json")
        for encoding in ("identity", "gzip")
    }

    assert len(tags) == 4


@pytest.mark.parametrize("encoding", ["gzip", "br, gzip;q=0.5", "GZIP"])
def test_the_document_is_gzipped_if_the_caller_accepts_gzip(api: APIClient, encoding: str):
    answer = api.get("/schema", headers={"accept-encoding": encoding})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == FILE.read_bytes()


@pytest.mark.parametrize("encoding", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0"])
def test_the_document_is_plain_if_the_caller_does_not_accept_gzip(api: APIClient, encoding: str):
    answer = api.get("/schema", headers={"accept-encoding": encoding})

    assert "Content-Encoding" not in answer.headers
    assert answer.content == FILE.read_bytes()


def test_the_document_is_the_same_as_json(api: APIClient):
    answer = api.get("/schema", headers={"accept": "application/json"})

    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.content) == DOCUMENT


def test_the_document_is_read_only(api: APIClient):
    assert api.head("/schema").status_code == 200
    refused = api.put("/schema", {})
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
