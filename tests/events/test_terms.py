"""An organizer's terms: what programs get, what everybody reads, and how an owner saves them."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from events.models import Organizer, Role, TermsVersion
from events.terms import Texts, save_terms
from tests.make import SOMEBODY, make_event, make_organizer, make_user
from ticketing import clock
from ticketing.models import Act, ActType

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/events/termsversion/add/"


def save(organizer: Organizer, *, required: bool = False, **texts: str) -> TermsVersion:
    return save_terms(
        organizer_id=organizer.pk,
        texts=Texts(**texts),
        is_required=required,
        actor=SOMEBODY,
        now=clock.now(),
    )


def test_programs_get_the_version_in_force_and_whether_it_is_required(api: APIClient):
    event = make_event(organizer=make_organizer(name="Casa Azul"))
    path = f"/events/{event.slug}/terms"
    none = api.get(path).json()
    assert (none["version"], none["is_required"], none["url"]) == (None, False, None)

    save(event.organizer, sale_pt="Antes")
    save(event.organizer, sale_pt="Depois", privacy_en="https://example.com/p", required=True)

    shown = api.get(path).json()
    assert (shown["version"], shown["is_required"]) == (2, True)
    assert shown["url"].endswith("/terms/casa-azul/2")
    assert shown["terms_of_sale"] == {"pt": "Depois", "en": ""}
    assert shown["privacy_notice"] == {"pt": "", "en": "https://example.com/p"}


def test_acts_name_each_version_and_a_changed_requirement_and_a_repeat_has_none():
    organizer = make_organizer()
    save(make_organizer(), sale_pt="Antes")
    save(organizer, sale_pt="Antes")
    for _ in range(2):
        save(organizer, sale_pt="Antes", required=True)

    acts = Act.objects.filter(subject_id=organizer.pk).order_by("at", "id")
    required = {"field": "requires_terms", "of": "", "from": "False", "to": "True"}
    assert list(acts.values_list("type", "details")) == [
        (ActType.TERMS_SAVED, {"version": 1}),
        (ActType.ORGANIZER_CHANGED, {"changes": [required]}),
    ]


def test_the_terms_of_a_draft_are_not_shown(api: APIClient):
    draft = make_event(status="draft")

    assert api.get(f"/events/{draft.slug}/terms").status_code == 404


def test_everybody_reads_each_version_in_a_language_that_it_has():
    organizer = make_organizer(name="Casa Azul")
    save(organizer, sale_pt="Sem <b>devolução</b>.", sale_en="No refunds.")
    save(organizer, sale_pt="Só em português.", privacy_pt="https://example.com/p")
    client = Client(headers={"Accept-Language": "en"})

    first = client.get("/terms/casa-azul/1").content.decode()
    assert "No refunds." in first
    assert "This is an older version." in first
    now = client.get("/terms/casa-azul").content.decode()
    assert 'lang="pt-br"><p>Só em português.' in now
    assert 'href="https://example.com/p"' in now
    assert "older version" not in now
    portuguese = Client(headers={"Accept-Language": "pt-BR"}).get("/terms/casa-azul/1")
    assert "&lt;b&gt;devolução" in portuguese.content.decode()


@pytest.mark.parametrize(
    "path", ["/terms/casa-azul/2", "/terms/none", f"/terms/casa-azul/{10**40}"]
)
def test_a_version_that_does_not_exist_is_not_found(path: str):
    save(make_organizer(name="Casa Azul"), sale_pt="A")

    assert Client().get(path).status_code == 404


def owner_of(organizer: Organizer, role: Role = Role.OWNER) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(make_user(organizer=organizer, role=role, is_staff=True))
    return client


def test_an_owner_starts_from_the_texts_in_force_and_saves_a_version():
    organizer = make_organizer()
    save(organizer, sale_pt="Sem devolução.")
    client = owner_of(organizer)

    assert "Sem devolução." in client.get(ADD).content.decode()
    sent = {"organizer": str(organizer.pk), "sale_pt": "Com\r\ndevolução. ", "is_required": "on"}
    client.post(ADD, sent)

    organizer.refresh_from_db()
    assert (organizer.terms_number, organizer.requires_terms) == (2, True)
    assert TermsVersion.objects.get(number=2).sale_pt == "Com\ndevolução."
    # The same texts again only change the setting.
    client.post(ADD, {"organizer": str(organizer.pk), "sale_pt": "Com\r\ndevolução."})
    organizer.refresh_from_db()
    assert (organizer.terms_number, organizer.requires_terms) == (2, False)


def test_a_form_without_any_text_is_refused_at_its_field():
    organizer = make_organizer()
    client = owner_of(organizer)

    empty = client.post(ADD, {"organizer": str(organizer.pk)})
    needless = client.post(
        ADD, {"organizer": str(organizer.pk), "privacy_pt": "A", "is_required": "on"}
    )

    assert "Write a text, or the address of a page." in empty.content.decode()
    assert "nothing that buyers could accept" in needless.content.decode()
    assert not TermsVersion.objects.exists()


def test_an_owner_saves_nothing_for_another_organizer_and_a_manager_nothing_at_all():
    ours, theirs = make_organizer(), make_organizer()

    response = owner_of(ours).post(ADD, {"organizer": str(theirs.pk), "sale_pt": "A"})

    assert response.status_code == 200
    assert not TermsVersion.objects.exists()
    assert owner_of(ours, Role.MANAGER).get(ADD).status_code == 403
