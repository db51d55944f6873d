"""Serializers of the challenge of a proof of work."""

from typing import Any

from rest_framework import serializers


class ChallengeParametersShown(serializers.Serializer[Any]):
    """
    The task: find a `counter` whose derived key begins with `keyPrefix`.

    The key is PBKDF2 with `cost` rounds. Its password is the nonce followed by the counter (four
    bytes, big-endian), and its salt is `salt`.
    """

    algorithm = serializers.CharField()
    cost = serializers.IntegerField()
    keyLength = serializers.IntegerField()  # noqa: N815 - ALTCHA's own names
    keyPrefix = serializers.CharField()  # noqa: N815
    nonce = serializers.CharField()
    salt = serializers.CharField()
    expiresAt = serializers.IntegerField(help_text="Seconds since 1970.")  # noqa: N815


class ChallengeShown(serializers.Serializer[Any]):
    """A challenge of ALTCHA, version 2. Send its solution as `proof_of_work`."""

    parameters = ChallengeParametersShown()
    signature = serializers.CharField()
