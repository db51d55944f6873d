"""Base45 of RFC 9285: bytes in the alphabet of a QR code's alphanumeric mode."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_LARGEST_PAIR, _LARGEST_BYTE = 0xFFFF, 0xFF


class NotBase45(ValueError):
    """A character, a length or a value that RFC 9285 does not allow."""


def encode_base45(data: bytes) -> str:
    """Write two bytes as three characters, and a last odd one as two."""
    words = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        number, length = int.from_bytes(pair), 3 if len(pair) == 2 else 2  # noqa: PLR2004
        for _ in range(length):
            number, value = divmod(number, 45)
            words.append(_ALPHABET[value])
    return "".join(words)


def decode_base45(text: str) -> bytes:
    """
    Read what `encode_base45` wrote.

    :raises NotBase45: if it could not have been written
    """
    data = bytearray()
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        try:
            number = sum(_VALUES[character] * 45**place for place, character in enumerate(group))
        except KeyError as error:
            raise NotBase45(f"{error} is no base45 character.") from error
        length = len(group) - 1
        if not length or number > (_LARGEST_PAIR if length == 2 else _LARGEST_BYTE):  # noqa: PLR2004
            raise NotBase45(f"{group!r} is no base45 group.")
        data += number.to_bytes(length)
    return bytes(data)
