"""A backup: one tar with a service's data as the engine packed them, and a manifest of checksums at its end.
Knows no engine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from voltutor.errors import VoltutorError
from voltutor.text import _

MANIFEST = "manifest.json"
SUM = "manifest.sha256"
"""Behind the manifest, its own checksum, as sha256sum writes it."""

FORMAT = 1
PIECE = 1 << 20
END = 2 * tarfile.BLOCKSIZE
"""Bytes of zeros that a tar ends with (POSIX pax, ustar Interchange Format)."""


class BadBackup(VoltutorError):
    """A file that is no backup of this kit's, or no longer a whole one."""

    def __init__(self, path: Path, what: str, **fields: object) -> None:
        super().__init__(
            what, _("Nothing was changed. Take another backup, or a fresh copy of this one."),
            path=path.name, **fields,
        )  # fmt: skip


@dataclass(frozen=True)
class About:
    """Where a backup comes from.

    Attributes:
        data: the folder of the service that was saved, such as /data.
        created: RFC 3339.
        outside: paths in the container's own layer, which are not in the backup.
    """

    service: str
    image: str
    engine: str
    data: str
    created: str
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One path in a backup. `kind` is tar's letter for it (0 a file, 2 a symbolic link, 5 a folder); `size` in bytes
    and `sha256` are a file's."""

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    link: str = ""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds; `frame` is a checksum over all bytes of the tar that are no file's content."""

    about: About
    entries: tuple[Entry, ...] = field(repr=False)
    frame: str = ""

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(entry.size for entry in self.entries)

    def to_json(self) -> bytes:
        """As it stands in the tar."""
        value = {"voltutor_backup": FORMAT, **asdict(self.about), "frame": self.frame}
        value["files"] = [asdict(entry) for entry in self.entries]
        return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Read it back.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        value = json.loads(text)
        if value["voltutor_backup"] != FORMAT:
            raise ValueError(value["voltutor_backup"])
        about = About(
            service=str(value["service"]),
            image=str(value["image"]),
            engine=str(value["engine"]),
            data=str(value["data"]),
            created=str(value["created"]),
            outside=tuple(map(str, value["outside"])),
        )
        return cls(about, tuple(Entry(**entry) for entry in value["files"]), str(value["frame"]))


class Packing:
    """A backup in the making: what an engine packs (`docker cp CONTAINER:FOLDER -`) is written down, and a thread
    that follows in the file takes the checksums meanwhile. Leaving the block ends the thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._growing = file, _Growing(file)
        self._thread = ThreadPoolExecutor(1, "checksums")
        self._sums = self._thread.submit(_sums, self._growing)

    def __enter__(self) -> Packing:
        return self

    def __exit__(self, *_trouble: object) -> None:
        self._growing.end()
        self._thread.shutdown()

    def copy(self, pieces: Iterable[bytes]) -> Iterator[int]:
        """Write down what comes; yields the bytes so far."""
        count = 0
        for piece in pieces:
            self._file.write(piece)
            self._file.flush()
            count += len(piece)
            self._growing.grow(count)
            yield count

    def finish(self, about: About) -> Manifest:
        """Write a manifest behind what was written down; the file is then a backup.

        Raises:
            OSError: the engine's tar broke off, or the file can't be written.
        """
        self._growing.end()
        file = self._file
        try:
            entries, frame, end = self._sums.result()
        except (tarfile.TarError, ValueError) as error:
            raise OSError(str(error)) from error
        file.seek(end)
        if file.read(END) != bytes(END):
            raise OSError("the tar has no end")
        manifest = Manifest(about, entries, frame)
        file.seek(end)
        file.truncate()
        text = manifest.to_json()
        told = f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}\n".encode()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, content in ((MANIFEST, text), (SUM, told)):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                tar.addfile(member, io.BytesIO(content))
        return manifest


class _Growing:
    """A file that another thread writes, to be read from its beginning: reading waits for what isn't there yet."""

    def __init__(self, file: BinaryIO) -> None:
        self._handle, self._place = file.fileno(), 0
        self._size, self._ended = 0, False
        self._changed = threading.Condition()

    def grow(self, size: int) -> None:
        with self._changed:
            self._size = size
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def tell(self) -> int:
        return self._place

    def seek(self, place: int) -> int:
        self._place = place
        return place

    def read(self, size: int) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._size >= self._place + size)
            there = min(size, max(0, self._size - self._place))
        content = os.pread(self._handle, there, self._place)
        self._place += len(content)
        return content


def _sums(file: Any) -> tuple[tuple[Entry, ...], str, int]:
    """A tar's entries, a checksum over all that is no file's content, and where the zeros at its end begin."""
    frame = _Frame(file)
    with tarfile.open(fileobj=file, mode="r:") as tar:
        entries = []
        for member in tar:
            frame.skip(member)
            entries.append(_entry(member, _contents(tar, member)))
        end = tar.offset
    return tuple(entries), frame.close(end), end


def verify(path: Path) -> Manifest:
    """Read a backup to its end and compare every byte with its manifest.

    Raises:
        BadBackup: it is not a backup, cut short, or damaged.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        manifest, seen = _read(file, path, hashing=True)
        wanted, found = dict.fromkeys(manifest.entries), dict.fromkeys(seen)
        for entry in (*wanted, *found):
            if entry not in wanted or entry not in found:
                raise BadBackup(
                    path, _("{path} is damaged: {entry} is not as it was saved."), entry=entry.path
                )
        top = PurePosixPath(manifest.about.data).name
        for entry in seen:
            parts = PurePosixPath(entry.path).parts
            if parts[:1] != (top,) or ".." in parts:
                raise BadBackup(
                    path, _("{path} would write outside of its folder: {entry}."), entry=entry.path
                )
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What a backup says of itself, without a look at its files' content.

    Raises:
        BadBackup: it is not a backup, or cut short.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return _read(file, path, hashing=False)[0]


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _read(file: BinaryIO, path: Path, hashing: bool) -> tuple[Manifest, list[Entry]]:
    seen: list[Entry] = []
    told: dict[str, bytes] = {}
    end, frame = 0, _Frame(file)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.name in (MANIFEST, SUM):
                    end = end or _start(member)
                    told[member.name] = b"".join(_contents(tar, member))
                elif told:
                    raise BadBackup(path, _("{path} is damaged: something follows its manifest."))
                else:
                    if hashing:
                        frame.skip(member)
                    seen.append(_entry(member, _contents(tar, member) if hashing else ()))
            last = tar.offset
    except (tarfile.TarError, EOFError, ValueError) as error:
        text = (
            _("{path} is damaged or cut short ({detail}).") if seen else _("{path} is not a tar ({detail}).")
        )
        raise BadBackup(path, text, detail=error) from error
    file.seek(last)
    if told and file.read(END) != bytes(END):
        raise BadBackup(path, _("{path} is cut short: it does not end as a tar does."))
    if not told:
        raise BadBackup(
            path, _("{path} has no manifest at its end: it is cut short, or this kit didn't make it.")
        )
    try:
        written, line = told[MANIFEST], told[SUM].decode()
        manifest = Manifest.from_json(written)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadBackup(
            path, _("{path} has a manifest that can't be read ({detail})."), detail=error
        ) from error
    if line.split()[:1] != [hashlib.sha256(written).hexdigest()]:
        raise BadBackup(path, _("{path} is damaged: its manifest is not as it was saved."))
    if hashing and manifest.frame != frame.close(end):
        raise BadBackup(path, _("{path} is damaged between its files."))
    return manifest, seen


def _start(member: tarfile.TarInfo) -> int:
    """Where a member of ours begins; it has no headers but its own."""
    return member.offset_data - tarfile.BLOCKSIZE


def _contents(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    """What a member holds. It is read past tarfile's own reader, which copies it twice."""
    left = member.size if member.isreg() else 0
    if left and member.issparse():
        raise tarfile.ReadError("a sparse file, which no engine packs")
    file: Any = tar.fileobj
    file.seek(member.offset_data)
    while left:
        piece = file.read(min(left, PIECE))
        if not piece:
            raise tarfile.ReadError("unexpected end of data")
        left -= len(piece)
        yield piece


def _entry(member: tarfile.TarInfo, content: Iterable[bytes]) -> Entry:
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return Entry(
        member.name,
        member.type.decode("ascii", "replace"),
        member.mode,
        member.uid,
        member.gid,
        member.linkname,
        *((member.size, digest.hexdigest()) if member.isreg() else ()),
    )


class _Frame:
    """A checksum over a tar's headers and what fills blocks up: all that is no file's content."""

    def __init__(self, file: Any) -> None:
        self._file, self._digest, self._place = file, hashlib.sha256(), 0

    def skip(self, member: tarfile.TarInfo) -> None:
        """Take what lies before a member's content; the content itself is left out."""
        self._take(member.offset_data)
        self._place = member.offset_data + (member.size if member.isreg() else 0)

    def close(self, end: int) -> str:
        """Take the rest; the sum."""
        self._take(end)
        return self._digest.hexdigest()

    def _take(self, end: int) -> None:
        back = self._file.tell()
        self._file.seek(self._place)
        while self._place < end:
            piece = self._file.read(min(PIECE, end - self._place))
            if not piece:
                break
            self._digest.update(piece)
            self._place += len(piece)
        self._file.seek(back)
