"""A backup: one tar with a service's data as the engine packed them, and a manifest of checksums at its end.
Knows no engine."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
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


def copy(file: BinaryIO, pieces: Iterable[bytes]) -> Iterator[int]:
    """Write down what an engine packed (`docker cp CONTAINER:FOLDER -`); yields the bytes so far."""
    count = 0
    for piece in pieces:
        file.write(piece)
        count += len(piece)
        yield count
    file.flush()


def finish(file: BinaryIO, about: About) -> Manifest:
    """Write a manifest behind what was written down; the file is then a backup.

    Raises:
        OSError: the engine's tar broke off, or the file can't be written.
    """
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            entries = tuple(_entry(member, _contents(tar, member)) for member in tar)
            end = tar.offset  # where the zeros begin
    except (tarfile.TarError, ValueError) as error:
        raise OSError(str(error)) from error
    file.seek(end)
    if file.read(END) != bytes(END):
        raise OSError("the tar has no end")
    manifest = Manifest(about, entries, _frame(file, end))
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
    end = 0
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                if member.name in (MANIFEST, SUM):
                    end = end or _start(member)
                    told[member.name] = b"".join(_contents(tar, member))
                elif told:
                    raise BadBackup(path, _("{path} is damaged: something follows its manifest."))
                else:
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
    if hashing and manifest.frame != _frame(file, end):
        raise BadBackup(path, _("{path} is damaged between its files."))
    return manifest, seen


def _start(member: tarfile.TarInfo) -> int:
    """Where a member of ours begins; it has no headers but its own."""
    return member.offset_data - tarfile.BLOCKSIZE


def _contents(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    content = tar.extractfile(member) if member.isreg() else None
    left = member.size if content else 0
    while content and left:
        piece = content.read(min(left, PIECE))
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


def _frame(file: Any, end: int) -> str:
    """A checksum over the headers and what fills blocks up, from the tar's beginning to its end."""
    digest = hashlib.sha256()
    file.seek(0)
    before = 0
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            if member.offset >= end:
                break
            _hash_between(digest, file, before, member.offset_data)
            before = member.offset_data + (member.size if member.isreg() else 0)
    _hash_between(digest, file, before, end)
    return digest.hexdigest()


def _hash_between(digest: Any, file: BinaryIO, first: int, last: int) -> None:
    place = file.tell()
    file.seek(first)
    while first < last:
        piece = file.read(min(PIECE, last - first))
        if not piece:
            break
        digest.update(piece)
        first += len(piece)
    file.seek(place)
