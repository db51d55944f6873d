"""Base45 (RFC 9285): bytes as text in the alphabet of a QR code's alphanumeric mode."""

import struct

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_LARGEST_PAIR, _LARGEST_BYTE = 0xFFFF, 0xFF


class NotBase45(ValueError):
    """A character, a length or a value that RFC 9285 does not allow."""


def encode_base45(data: bytes) -> str:
    """Encode each two bytes as three characters, and a last single byte as two."""
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
    Decode base45 text.

    :raises NotBase45: if the text is not the encoding of any bytes
    """
    try:
        values = [_VALUES[character] for character in text]
    except KeyError as error:
        raise NotBase45(f"{error} is no base45 character.") from error
    odd = len(values) % 3
    whole = len(values) - odd
    pairs = [a + 45 * b + 2025 * c for a, b, c in zip(*[iter(values[:whole])] * 3, strict=True)]
    if pairs and max(pairs) > _LARGEST_PAIR:
        raise NotBase45("Three characters stand for more than two bytes.")
    data = struct.pack(f">{len(pairs)}H", *pairs)
    if not odd:
        return data
    last = values[whole] + 45 * values[whole + 1] if odd == 2 else -1  # noqa: PLR2004
    if not 0 <= last <= _LARGEST_BYTE:
        raise NotBase45("The last characters do not stand for one byte.")
    return data + bytes([last])
