"""Layers as folders: unpacked from tar and packed again, what one changes, what it weighs.

A deletion is what the kernel's overlay understands: a character device 0:0 for a name, `user.overlay.opaque` on
a folder for all that lies below it (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque
directories"); in tar they are `.wh.NAME` and `.wh..wh..opq` (OCI image-spec, layer.md).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

from voltutor.embedded import scope
from voltutor.embedded.errors import ApiError, BadRequest
from voltutor.embedded.record import Recorder

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
OPAQUE_XATTR = "user.overlay.opaque"
CHUNK = 1 << 20
BLOCK = 512
RESERVE = 64 << 20
"""Bytes that unpacking leaves free, so that an archive that unpacks to far more than it weighs stops there."""

Base = Callable[[str], tuple[str, str]]
"""From a path inside a root to the tree on this machine that it lies in, and the path in that tree."""

NO_MOUNTS: Mapping[str, str] = {}

MODIFIED, ADDED, DELETED = 0, 1, 2
"""Kinds of a change (moby, api/swagger.yaml, ChangeType)."""


class Readable(Protocol):
    """What a tar is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""


@dataclass(frozen=True)
class Change:
    """One path that a layer changes; `kind` is MODIFIED, ADDED or DELETED."""

    path: str
    kind: int


def is_whiteout(info: os.stat_result) -> bool:
    """Whether the kernel's overlay reads this as "deleted"."""
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def is_opaque(path: str) -> bool:
    """Whether a folder hides all that lies below it."""
    try:
        return os.getxattr(path, OPAQUE_XATTR, follow_symlinks=False) == b"y"
    except OSError:
        return False


# unpacking


def unpack(
    source: Readable,
    root: str,
    at: str = "/",
    *,
    layer: bool = False,
    keep_folders: bool = False,
    recorder: Recorder | None = None,
    base: Base | None = None,
) -> None:
    """Unpack a tar, compressed or not, under `at` inside `root`; `layer` turns whiteout names into whiteouts.

    Nothing outside the root is written, whatever the names and links in the archive say. Owners are not kept:
    one user has one id. Device nodes are left out, as every engine in a user namespace does. `keep_folders`
    refuses to replace a folder by something else or the other way round. `recorder`, through which `source`
    then reads a plain tar, is told where each file's content is. `base` tells in which tree a path lies, for a root
    with mounts; by default all lie in the root.

    Raises:
        BadRequest: it is no tar, or one that breaks off, or a name leads outside.
        ApiError: the disk would be full.
    """
    work = _Unpacking(root, at, layer, keep_folders, recorder, base)
    mode = "r|" if recorder else "r|*"
    try:
        with tarfile.open(fileobj=source, mode=mode, bufsize=CHUNK) as archive:  # type: ignore[call-overload]
            for member in archive:
                work.member(archive, member)
    except (tarfile.TarError, EOFError, ValueError, UnicodeError) as error:
        raise BadRequest(f"the archive can't be read: {error or type(error).__name__}") from error
    except OSError as error:
        if error.errno is None:  # what a decompressor raises for a damaged stream
            raise BadRequest(f"the archive can't be read: {error}") from error
        raise
    work.finish()


class _Space:
    def __init__(self, root: str) -> None:
        self._root, self._left = root, 0

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            self._left = 64 << 20
            disk = os.statvfs(self._root)
            if disk.f_bavail * disk.f_frsize < RESERVE + self._left + count:
                raise ApiError(f"no space left on device: less than {RESERVE >> 20} MiB would be free")


class _Unpacking:
    """One archive being unpacked."""

    def __init__(
        self,
        root: str,
        at: str,
        layer: bool,
        keep_folders: bool,
        recorder: Recorder | None,
        base: Base | None,
    ) -> None:
        self._root, self._at, self._layer, self._keep_folders = root, at, layer, keep_folders
        self._recorder = recorder
        self._base: Base = base or (lambda inside: (root, inside))
        self._space = _Space(root)
        self._folders: list[tuple[str, tarfile.TarInfo]] = []

    def finish(self) -> None:
        """Only now folders: one may be closed to writing, and what is written into it renews its time."""
        for path, member in reversed(self._folders):
            if scope.is_folder(path):
                _dress(path, member)

    def member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Put one member in its place."""
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts or "\0" in member.name:
            raise BadRequest(f"invalid path in the archive: {member.name!r} leads outside")
        if member.ischr() or member.isblk():
            return
        root, place = self._base(scope.clean("/".join([self._at, *parts])))
        folder, _, name = place.rpartition("/")
        parent = scope.make_folder(root, folder)
        if not scope.is_folder(parent):
            raise BadRequest(f"invalid path in the archive: {member.name!r} lies below a file")
        if not parts:
            if self._layer:
                self._folders.append((self._root, member))
            return
        if not name:  # the place of a mount: the folder is there, and gets the member's mode
            self._folders.append((root, member))
            return
        if self._layer and parts[-1].startswith(WHITEOUT):
            self._white_out(parent, parts[-1])
            return
        path = f"{parent}/{name}"
        there = scope.is_folder(path)
        if self._keep_folders and os.path.lexists(path) and there != member.isdir():
            kinds = ("a directory", "a non-directory")
            raise BadRequest(f"cannot overwrite {kinds[not there]} with {kinds[there]}: {'/'.join(parts)}")
        if not (there and member.isdir()):
            self._clear(path)
        if member.isdir():
            if not there:
                os.mkdir(path)
            self._folders.append((path, member))
        elif member.islnk():
            self._link(member, path)
        else:
            self._make(archive, member, path)
            _dress(path, member)

    def _clear(self, path: str) -> None:
        # What was recorded by its place must keep it: such an archive is saved packed anew.
        if self._recorder and os.path.lexists(path):
            self._recorder.spoil()
        _make_way(path)

    def _white_out(self, parent: str, name: str) -> None:
        if name == OPAQUE:
            os.setxattr(parent, OPAQUE_XATTR, b"y")
            return
        gone = name.removeprefix(WHITEOUT)
        if gone in ("", ".", "..") or gone.startswith(WHITEOUT):
            raise BadRequest(f"invalid whiteout in the archive: {name!r}")
        self._clear(f"{parent}/{gone}")
        os.mknod(f"{parent}/{gone}", stat.S_IFCHR | 0o600, os.makedev(0, 0))

    def _link(self, member: tarfile.TarInfo, path: str) -> None:
        root, place = self._base(scope.clean(f"{self._at}/{member.linkname}"))
        source = root.rstrip("/") + scope.resolve(root, place, last=False)
        if not os.path.lexists(source) or scope.is_folder(source):
            raise BadRequest(f"invalid link in the archive: {member.linkname!r} is no file of it")
        os.link(source, path, follow_symlinks=False)

    def _make(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
        if member.issym():
            os.symlink(member.linkname, path)
        elif member.isfifo():
            os.mkfifo(path)
        else:
            if self._recorder and member.size and not member.issparse():
                inside = path.removeprefix(self._root.rstrip("/") + "/")
                self._recorder.content(member.offset_data, member.size, inside)
            _write(archive, member, path, self._space)


def _make_way(path: str) -> None:
    if scope.is_folder(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, space: _Space) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise BadRequest(f"the archive can't be read: {member.name!r} is of an unknown kind")
    # O_EXCL: the name was cleared, so that nothing is written through a link.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb", 0) as file:
        if member.issparse():
            # The pieces lie one after the other in the archive; read as a file, the holes would be made up.
            stream: Any = archive.fileobj
            stream.seek(member.offset_data)
            spans: Any = member.sparse  # (start, length) each; typeshed takes it for bytes
            for start, length in spans:
                file.seek(start)
                _copy(stream, file, length, space)
            file.truncate(member.size)
        else:
            _copy(content, file, member.size, space)


def _copy(content: IO[bytes], file: IO[bytes], length: int, space: _Space) -> None:
    while length:
        data = content.read(min(CHUNK, length))
        if not data:
            raise BadRequest("the archive can't be read: it breaks off in a file")
        space.take(len(data))
        file.write(data)
        length -= len(data)


def _dress(path: str, member: tarfile.TarInfo) -> None:
    for key, value in member.pax_headers.items():
        name = key.removeprefix("SCHILY.xattr.")
        # An archive must not speak to the kernel's overlay.
        if name != key and name.startswith("user.") and not name.startswith("user.overlay."):
            with contextlib.suppress(OSError):
                os.setxattr(path, name, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
    if not member.issym():
        os.chmod(path, member.mode & 0o7777)
    with contextlib.suppress(OSError, OverflowError):
        os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)


# packing


def pack(
    root: str,
    *,
    layer: bool = True,
    prefix: str = "",
    only: str = "",
    mounts: Mapping[str, str] = NO_MOUNTS,
) -> Iterator[bytes]:
    """A folder as a tar, in pieces, the same for the same content: sorted, owned by root.

    `layer` writes whiteouts by their names in tar; `prefix` stands before each name; `only` packs one entry of
    the folder, which may be a file; `mounts` tells what lies elsewhere on this machine than at its path.
    """
    seen: dict[tuple[int, int], str] = {}
    if only:
        yield from _packed(f"{root.rstrip('/')}/{only}", prefix or only, seen, layer, mounts=mounts)
    else:
        if prefix:
            yield from _header(tarfile.TarInfo(prefix), os.lstat(root), root)
        yield from _inside(root, prefix, seen, layer, mounts)
    yield bytes(2 * BLOCK)


def _inside(
    folder: str, prefix: str, seen: dict[tuple[int, int], str], layer: bool, mounts: Mapping[str, str]
) -> Iterator[bytes]:
    if layer and is_opaque(folder):
        marker = tarfile.TarInfo(f"{prefix}/{OPAQUE}".lstrip("/"))
        yield marker.tobuf(tarfile.PAX_FORMAT)
    # A mount whose folder the root doesn't have yet is listed all the same.
    mounted = {os.path.basename(place) for place in mounts if os.path.dirname(place) == folder}
    for name in sorted({*os.listdir(folder), *mounted}):
        yield from _packed(f"{folder}/{name}", f"{prefix}/{name}".lstrip("/"), seen, layer, mounts=mounts)


def _packed(
    path: str,
    name: str,
    seen: dict[tuple[int, int], str],
    layer: bool,
    deep: bool = True,
    mounts: Mapping[str, str] = NO_MOUNTS,
) -> Iterator[bytes]:
    path = mounts.get(path, path)
    try:
        info = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
    except OSError:  # removed or replaced while it was packed: a running container
        return
    if is_whiteout(info):
        if layer:
            folder, _, last = name.rpartition("/")
            yield tarfile.TarInfo(f"{folder}/{WHITEOUT}{last}".lstrip("/")).tobuf(tarfile.PAX_FORMAT)
        return
    header = tarfile.TarInfo(name)
    header.linkname = link
    if stat.S_ISSOCK(info.st_mode):
        return
    if not stat.S_ISDIR(info.st_mode) and info.st_nlink > 1:
        first = seen.setdefault((info.st_dev, info.st_ino), name)
        if first != name:
            header.type, header.linkname = tarfile.LNKTYPE, first
            header.mode, header.mtime = stat.S_IMODE(info.st_mode), int(info.st_mtime)
            yield header.tobuf(tarfile.PAX_FORMAT)
            return
    yield from _header(header, info, path)
    if deep and stat.S_ISDIR(info.st_mode):
        yield from _inside(path, name, seen, layer, mounts)


def _header(header: tarfile.TarInfo, info: os.stat_result, path: str) -> Iterator[bytes]:
    header.mode, header.mtime = stat.S_IMODE(info.st_mode), int(info.st_mtime)
    kind = stat.S_IFMT(info.st_mode)
    if kind == stat.S_IFDIR:
        header.type = tarfile.DIRTYPE
    elif kind == stat.S_IFLNK:
        header.type = tarfile.SYMTYPE
    elif kind == stat.S_IFIFO:
        header.type = tarfile.FIFOTYPE
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        header.type = tarfile.CHRTYPE if kind == stat.S_IFCHR else tarfile.BLKTYPE
        header.devmajor, header.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
    else:
        header.size = info.st_size
        yield header.tobuf(tarfile.PAX_FORMAT)
        yield from _content(path, info.st_size)
        return
    yield header.tobuf(tarfile.PAX_FORMAT)


def _content(path: str, size: int) -> Iterator[bytes]:
    """Exactly so many bytes, whatever a running container does to the file meanwhile."""
    left = size
    with contextlib.suppress(OSError):  # it has become something else, or can't be read: zeros stand for it
        # Without following a link and without waiting for the other end of a pipe.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb", 0) as file:
            while left and stat.S_ISREG(os.fstat(handle).st_mode) and (data := file.read(min(CHUNK, left))):
                left -= len(data)
                yield data
    while left:
        data = bytes(min(CHUNK, left))
        left -= len(data)
        yield data
    if size % BLOCK:
        yield bytes(-size % BLOCK)


def pack_changes(merged: str, found: list[Change]) -> Iterator[bytes]:
    """What `changes` lists of a whole root, as the tar of a layer."""
    seen: dict[tuple[int, int], str] = {}
    for change in found:
        name = change.path.lstrip("/")
        if change.kind == DELETED:
            folder, _, last = name.rpartition("/")
            yield tarfile.TarInfo(f"{folder}/{WHITEOUT}{last}".lstrip("/")).tobuf(tarfile.PAX_FORMAT)
        else:
            yield from _packed(merged + change.path, name, seen, layer=False, deep=False)
    yield bytes(2 * BLOCK)


class Tap:
    """Reads through, hashing and counting what passes; `source` is a file, or pieces."""

    def __init__(self, source: Readable | Iterator[bytes]) -> None:
        self._source = source
        self._rest = b""
        self.digest = hashlib.sha256()
        self.count = 0

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or fewer at the end."""
        if not isinstance(self._source, Iterator):
            data = self._source.read(size)
        else:
            pieces, have = [self._rest], len(self._rest)
            while size < 0 or have < size:
                piece = next(self._source, b"")
                if not piece:
                    break
                pieces.append(piece)
                have += len(piece)
            whole = b"".join(pieces)
            data, self._rest = (whole, b"") if size < 0 else (whole[:size], whole[size:])
        self.digest.update(data)
        self.count += len(data)
        return data

    def drain(self) -> str:
        """Read to the end; the digest of everything, as "sha256:…"."""
        while self.read(CHUNK):
            pass
        return f"sha256:{self.digest.hexdigest()}"


# looking


def size(root: str) -> int:
    """Bytes of all files in a folder, each inode once, as Docker counts a layer (moby, directory.Size)."""
    total, seen = 0, set()
    for _folder, _folders, files, handle in os.fwalk(root):
        for name in files:
            with contextlib.suppress(OSError):
                info = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if info.st_ino not in seen:
                    seen.add(info.st_ino)
                    total += info.st_size
    return total


def below(folders: list[str], name: str) -> list[str]:
    """The folders that show through at `name`, given those that show through at its parent, topmost first."""
    found = []
    for folder in folders:
        path = f"{folder}/{name}"
        try:
            info = os.lstat(path)
        except OSError:
            continue
        if not stat.S_ISDIR(info.st_mode):
            break
        found.append(path)
        if is_opaque(path):
            break
    return found


def lookup(folders: list[str], name: str) -> tuple[str, os.stat_result] | None:
    """What shows at `name` below these folders, topmost first: where it lies, and its lstat."""
    for folder in folders:
        path = f"{folder}/{name}"
        try:
            info = os.lstat(path)
        except OSError:
            continue
        return None if is_whiteout(info) else (path, info)
    return None


def changes(upper: str, lowers: list[str]) -> list[Change]:
    """What `upper` changes of what the lower folders, topmost first, show; as `docker container diff`.

    A folder is listed where something in it changed, a file that was copied up but not changed is not (moby,
    pkg/archive/changes.go).
    """
    return list(_changes(upper, lowers, ""))


def _changes(upper: str, lowers: list[str], path: str) -> Iterator[Change]:
    present = set(os.listdir(upper))
    names = set(present)
    if is_opaque(upper):
        names.update(name for folder in lowers for name in os.listdir(folder))
    for name in sorted(names):
        inside = f"{path}/{name}"
        old = lookup(lowers, name)
        new = os.lstat(f"{upper}/{name}") if name in present else None
        if new is None or is_whiteout(new):
            if old:
                yield Change(inside, DELETED)
            continue
        if not old:
            yield Change(inside, ADDED)
            if stat.S_ISDIR(new.st_mode):
                yield from _changes(f"{upper}/{name}", [], inside)
            continue
        if not stat.S_ISDIR(new.st_mode):
            if not same(old[1], new):
                yield Change(inside, MODIFIED)
            continue
        inner = list(_changes(f"{upper}/{name}", below(lowers, name), inside))
        if inner or not same(old[1], new):
            yield Change(inside, MODIFIED)
        yield from inner


def same(old: os.stat_result, new: os.stat_result) -> bool:
    """Whether a diff takes two files for the same: a folder's time is not looked at."""
    if (old.st_mode, old.st_uid, old.st_gid, old.st_rdev) != (
        new.st_mode,
        new.st_uid,
        new.st_gid,
        new.st_rdev,
    ):
        return False
    return stat.S_ISDIR(new.st_mode) or (old.st_mtime_ns, old.st_size) == (new.st_mtime_ns, new.st_size)


# copying and removing


def copy_tree(source: str, target: str) -> None:
    """The content of one folder into another that is there: modes, times, links and holes kept, no link
    followed, clones where the file system can."""
    seen: dict[int, str] = {}
    _copy_tree(source, target, seen)


def apply(layer: str, target: str) -> None:
    """Put a layer on what is there, deleting what it deletes."""
    if is_opaque(layer):
        for entry in os.scandir(target):
            _make_way(entry.path)
    _copy_tree(layer, target, {}, deletes=True)


def _copy_tree(source: str, target: str, seen: dict[int, str], *, deletes: bool = False) -> None:
    for entry in os.scandir(source):
        old, new = entry.path, f"{target}/{entry.name}"
        info = entry.stat(follow_symlinks=False)
        if is_whiteout(info):
            if deletes:
                _make_way(new)
            continue
        if stat.S_ISSOCK(info.st_mode):
            continue
        if stat.S_ISDIR(info.st_mode):
            if not scope.is_folder(new) or (deletes and is_opaque(old)):
                _make_way(new)
                os.mkdir(new)
            _copy_tree(old, new, seen, deletes=deletes)
        elif info.st_nlink > 1 and info.st_ino in seen:
            _make_way(new)
            os.link(seen[info.st_ino], new, follow_symlinks=False)
            continue
        else:
            _make_way(new)
            seen[info.st_ino] = new
            if stat.S_ISLNK(info.st_mode):
                os.symlink(os.readlink(old), new)
            elif stat.S_ISFIFO(info.st_mode):
                os.mkfifo(new)
            elif stat.S_ISREG(info.st_mode):
                _copy_file(old, new)
            else:
                continue
        with contextlib.suppress(OSError):
            shutil.copystat(old, new, follow_symlinks=False)


def _copy_file(old: str, new: str) -> None:
    with open(old, "rb", 0) as source, open(new, "xb", 0) as target:
        with contextlib.suppress(OSError):  # not on this file system: by hand
            while os.copy_file_range(source.fileno(), target.fileno(), 1 << 30):
                pass
            return
        source.seek(0)
        target.seek(0)
        shutil.copyfileobj(source, target, CHUNK)


def remove_tree(path: str) -> None:
    """All of a folder, whatever modes it holds; nothing where it is gone already."""

    def open_up(function: Callable[..., object], at: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        parent = os.path.dirname(at)
        for folder in (parent, at):
            with contextlib.suppress(OSError):
                if scope.is_folder(folder):
                    os.chmod(folder, 0o700)
        if scope.is_folder(at):
            remove_tree(at)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(at)

    def old_style(
        function: Callable[..., object], at: str, info: tuple[object, BaseException, object]
    ) -> None:
        open_up(function, at, info[1])

    # Python 3.12 renamed the parameter.
    if sys.version_info >= (3, 12):
        shutil.rmtree(path, onexc=open_up)
    else:
        shutil.rmtree(path, onerror=old_style)
