"""A ZIP archive that is written from front to back, in pieces, by several processes in turn."""

import struct
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

# Bit 3: sizes and checksum follow the data, because they are not known before. Bit 11: UTF-8.
_FLAGS: Final = 0x0808
_DEFLATED, _VERSION = 8, 20
# 1 January 1980, the first day of ZIP: the same rows always give the same file.
_DATE: Final = 0x21
_RAW: Final = -15
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_DESCRIPTOR: Final = struct.Struct("<4s3I")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")


@dataclass(slots=True)
class _Member:
    name: str
    begins_at: int
    checksum: int = 0
    packed: int = 0
    size: int = 0


@dataclass(slots=True)
class StreamedZip:
    """
    The state of an archive. Each method returns the next bytes of the file.

    A piece of a member ends with a full flush of the compressor, so that the next piece needs
    nothing of it. The archive and its members must be smaller than 4 GiB.
    """

    written: int = 0
    members: list[_Member] = field(default_factory=list)

    @classmethod
    def resume(cls, state: dict[str, Any]) -> Self:
        """Return an archive that goes on after the pieces of `state`."""
        return cls(state["written"], [_Member(**member) for member in state["members"]])

    @property
    def state(self) -> dict[str, Any]:
        """Return what `resume` needs, as JSON."""
        return asdict(self)

    def begin(self, name: str) -> bytes:
        """Begin the next member."""
        self.members.append(_Member(name, self.written))
        text = name.encode()
        local = _LOCAL.pack(b"PK\3\4", _VERSION, _FLAGS, _DEFLATED, 0, _DATE, 0, 0, 0, len(text), 0)
        return self._count(local + text)

    def write(self, data: bytes, *, last: bool = False) -> bytes:
        """Compress the next piece of the open member. The last piece ends its data."""
        compressor = zlib.compressobj(6, zlib.DEFLATED, _RAW)
        packed = compressor.compress(data)
        packed += compressor.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)
        member = self.members[-1]
        member.checksum = zlib.crc32(data, member.checksum)
        member.packed += len(packed)
        member.size += len(data)
        if last:
            packed += _DESCRIPTOR.pack(b"PK\7\10", member.checksum, member.packed, member.size)
        return self._count(packed)

    def add(self, name: str, data: bytes) -> bytes:
        """Write a whole member."""
        return self.begin(name) + self.write(data, last=True)

    def end(self) -> bytes:
        """Write the directory of all members, which ends the file."""
        begins_at = self.written
        directory = b"".join(_entry(member) for member in self.members)
        count = len(self.members)
        return self._count(
            directory + _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), begins_at, 0)
        )

    def _count(self, data: bytes) -> bytes:
        self.written += len(data)
        return data


def _entry(member: _Member) -> bytes:
    name = member.name.encode()
    sizes = (member.checksum, member.packed, member.size)
    numbers = (_VERSION, _VERSION, _FLAGS, _DEFLATED, 0, _DATE)
    return (
        _CENTRAL.pack(b"PK\1\2", *numbers, *sizes, len(name), 0, 0, 0, 0, 0, member.begins_at)
        + name
    )
