"""Sealed secrets stay readable: how the key is made must never change."""

from ticketing.sign_in.sealing import unseal


def test_what_an_earlier_release_has_sealed_is_readable(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-secret", []
    sealed = (
        "gAAAAABrDCjM-DEjkpKP_WNbWe0SyhLSTkMJNRTH0kPMSHIwLI4BFKfbHg1NHlcvH4zNqU8qLd_xzLHbxHqD7jpAqN1D"
        "D2sy3yaIQHJ46bC8eUeo-bunpys="
    )

    assert unseal(sealed) == b"12345678901234567890"
