"""The tar that a layer came from, kept without the files that the layer's folder holds anyhow: its headers and
whatever stands between them. With both, the same bytes come out again, so that an image that was loaded is saved
with the digests that its config names."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from voltutor.embedded.errors import ApiError

CHUNK = 1 << 20
_ENTRY = struct.Struct("<IHQ")
"""Bytes of what is kept, bytes of the file's path, bytes of the file."""


class Recorder:
    """Reads a tar through, and writes down all of it but the files' content."""

    def __init__(self, source: object, path: Path) -> None:
        self._source = source
        self._file = path.open("xb")
        self._squeeze = zlib.compressobj(1)
        self._kept = bytearray()
        self._start = 0
        """Where in the tar what is kept begins; everything before is written down, or a file's content."""
        self._skip_to = 0
        self.whole = True
        """Whether each file that was written down by its place is still there."""

    def spoil(self) -> None:
        """A later member took the place of an earlier one: the tar can't be made again."""
        self.whole = False

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""
        data: bytes = self._source.read(size)  # type: ignore[attr-defined]
        self._kept += data
        self._drop()
        return data

    def _drop(self) -> None:
        """Let go of what is known to be a file's content."""
        count = min(self._skip_to - self._start, len(self._kept))
        if count > 0:
            del self._kept[:count]
            self._start += count

    def content(self, at: int, size: int, path: str) -> None:
        """From byte `at` of the tar on, so many bytes are the file that lies at `path` of the layer."""
        head = bytes(self._kept[: at - self._start])
        del self._kept[: at - self._start]
        self._start = at
        self._write(head, path, size)
        self._skip_to = at + size
        self._drop()

    def _write(self, head: bytes, path: str, size: int) -> None:
        name = os.fsencode(path)
        self._file.write(self._squeeze.compress(_ENTRY.pack(len(head), len(name), size) + head + name))

    def close(self) -> None:
        """All has been read: what is left is the end."""
        self._write(bytes(self._kept), "", 0)
        self._file.write(self._squeeze.flush())
        self._file.close()


def replay(path: Path, folder: str) -> Iterator[bytes]:
    """The tar again, from what was written down and the layer's folder.

    Raises:
        ApiError: a file of the layer is not what it was.
    """
    source = _Reader(path)
    while entry := source.take(_ENTRY.size):
        head, name, size = _ENTRY.unpack(entry)
        if head:
            yield source.take(head)
        where = os.fsdecode(source.take(name))
        if size:
            yield from _content(f"{folder}/{where}", size)


def length(path: Path) -> int:
    """Bytes of the tar."""
    total, source = 0, _Reader(path)
    while entry := source.take(_ENTRY.size):
        head, name, size = _ENTRY.unpack(entry)
        source.take(head + name)
        total += head + size
    return total


def _content(path: str, size: int) -> Iterator[bytes]:
    with open(path, "rb", 0) as file:
        if os.fstat(file.fileno()).st_size != size:
            raise ApiError(f"a file of a layer has changed: {path}")
        while data := file.read(CHUNK):
            yield data


class _Reader:
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._expand = zlib.decompressobj()
        self._have = b""

    def take(self, count: int) -> bytes:
        pieces, have = [self._have], len(self._have)
        while have < count and (raw := self._file.read(1 << 16)):
            data = self._expand.decompress(raw)
            pieces.append(data)
            have += len(data)
        whole = b"".join(pieces)
        self._have = whole[count:]
        if count and not whole:
            self._file.close()
        return whole[:count]
