"""Images and their layers: loaded, imported, committed, tagged, saved, removed.

A layer's folder is named shortly, since the options of an overlay mount have to fit one page; it is known by
its diff id and shared by all images that have it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import secrets
import tarfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from voltutor.embedded import layers, record, words
from voltutor.embedded.database import Database
from voltutor.embedded.errors import ApiError, BadRequest, Conflict, NotFound
from voltutor.embedded.events import Events
from voltutor.embedded.record import Recorder
from voltutor.embedded.settings import check_shape

JSON_AT_MOST = 8 << 20
"""Bytes of a config or a manifest in an archive; of all of them, eight times as many."""

LAYERS_AT_MOST = 120
"""Layers of one image: their short names must fit the page of a mount's options."""


@dataclass(frozen=True)
class Layer:
    """One layer: its digest, its folder, the bytes of its files."""

    diff_id: str
    folder: str
    size: int


@dataclass
class Image:
    """One image; `config` is its JSON as it was given, whose hash is the id."""

    id: str
    config: str
    tags: list[str] = field(default_factory=list)
    parent: str = ""

    @property
    def value(self) -> dict[str, Any]:
        """The config, decoded."""
        found: dict[str, Any] = json.loads(self.config)
        return found

    @property
    def diff_ids(self) -> list[str]:
        """Its layers, lowest first."""
        return list(self.value.get("rootfs", {}).get("diff_ids") or ())


class Images:
    """All images of the engine. What is slow is written to be called from a thread; what changes the list is
    called on the event loop's."""

    def __init__(self, root: Path, database: Database, events: Events, architecture: str) -> None:
        self._root, self._database, self._events = root, database, events
        self.architecture = architecture
        self.layers: dict[str, Layer] = {}
        self.by_id: dict[str, Image] = {}
        self._records = root.parent / "r"
        for folder in (root, self._records):
            folder.mkdir(exist_ok=True)
        for diff_id, document in database.all("layer").items():
            self.layers[diff_id] = Layer(diff_id, **document)
        for id_, document in database.all("image").items():
            self.by_id[id_] = Image(id_, **document)
        kept = {layer.folder for layer in self.layers.values()}
        for folder in root.iterdir():
            if folder.name not in kept:
                self._erase(folder.name)

    # looking

    def find(self, ref: str) -> Image:
        """The image of this name or id, or of the start of one id.

        Raises:
            NotFound: there is none. BadRequest: several ids start so.
        """
        found = self.by_tag(ref)
        if found:
            return found
        short = ref.removeprefix("sha256:")
        if short and all(letter in "0123456789abcdef" for letter in short):
            hits = [
                image for id_, image in self.by_id.items() if id_.removeprefix("sha256:").startswith(short)
            ]
            if len(hits) == 1:
                return hits[0]
            if hits:
                raise BadRequest(f"multiple IDs found with provided prefix: {ref}")
        try:
            ref = words.reference(ref)
        except BadRequest:
            raise NotFound(f"No such image: {ref}") from None
        raise NotFound(f"No such image: {ref}")

    def by_tag(self, ref: str) -> Image | None:
        """The image that bears this name, or None."""
        name, _, digest = ref.partition("@")
        try:
            wanted = words.reference(name)
        except BadRequest:
            return None
        for image in self.by_id.values():
            if digest and image.id == digest:
                return image
            if not digest and wanted in image.tags:
                return image
        return None

    def folders(self, image: Image) -> list[str]:
        """The folders of its layers, topmost first."""
        return [str(self._root / self.layers[diff_id].folder) for diff_id in reversed(image.diff_ids)]

    def size(self, image: Image) -> int:
        """Bytes of all its layers."""
        return sum(self.layers[diff_id].size for diff_id in image.diff_ids)

    def summary(self, image: Image, containers: int) -> dict[str, Any]:
        """A line of `docker image ls`."""
        value = image.value
        return {
            "Containers": containers,
            "Created": int(words.seconds(value.get("created") or "1970-01-01T00:00:00Z")),
            "Id": image.id,
            "Labels": (value.get("config") or {}).get("Labels"),
            "ParentId": image.parent,
            "RepoDigests": [],
            "RepoTags": image.tags or [],
            "SharedSize": -1,
            "Size": self.size(image),
        }

    def view(self, image: Image, driver: str) -> dict[str, Any]:
        """As `docker image inspect` shows it."""
        value = image.value
        folders = self.folders(image)
        data = {"UpperDir": folders[0]} if folders else {}
        if folders[1:]:
            data["LowerDir"] = ":".join(folders[1:])
        return {
            "Architecture": value.get("architecture", ""),
            "Author": value.get("author", ""),
            "Comment": value.get("comment", ""),
            "Config": full_config(value.get("config") or {}),
            "Created": value.get("created", words.NEVER),
            "DockerVersion": value.get("docker_version", ""),
            "GraphDriver": {"Data": data, "Name": driver},
            "Id": image.id,
            "Metadata": {"LastTagTime": words.NEVER},
            "Os": value.get("os", "linux"),
            "Parent": image.parent,
            "RepoDigests": [],
            "RepoTags": image.tags,
            "RootFS": {"Type": "layers", "Layers": image.diff_ids},
            "Size": self.size(image),
        }

    def history(self, image: Image) -> list[dict[str, Any]]:
        """As `docker image history` shows it, newest first."""
        value = image.value
        sizes = iter([self.layers[diff_id].size for diff_id in image.diff_ids])
        lines = value.get("history") or [{"created_by": ""} for _ in image.diff_ids]
        found = [
            {
                "Comment": line.get("comment", ""),
                "Created": int(words.seconds(line.get("created") or "1970-01-01T00:00:00Z")),
                "CreatedBy": line.get("created_by", ""),
                "Id": "<missing>",
                "Size": 0 if line.get("empty_layer") else next(sizes, 0),
                "Tags": None,
            }
            for line in lines
        ]
        if found:
            found[-1] |= {"Id": image.id, "Tags": image.tags or None}
        return found[::-1]

    # layers

    def add_layer(self, source: layers.Readable | Iterator[bytes]) -> Layer:
        """Unpack one layer from its tar; in a thread. It counts only once an image has it (`add`)."""
        folder = self._root / secrets.token_hex(4)
        folder.mkdir()
        folder.chmod(0o755)
        try:
            plain = _Plain(source)
            recorder = Recorder(plain, self._record(folder.name))
            layers.unpack(recorder, str(folder), layer=True, recorder=recorder)
            while recorder.read(layers.CHUNK):
                pass
            recorder.close()
            if not recorder.whole:
                self._record(folder.name).unlink()
            digest = plain.drain()
        except BaseException:
            self._erase(folder.name)
            raise
        return Layer(digest, folder.name, layers.size(str(folder)))

    def _record(self, folder: str) -> Path:
        return self._records / folder

    def _erase(self, folder: str) -> None:
        layers.remove_tree(str(self._root / folder))
        self._record(folder).unlink(missing_ok=True)

    def drop(self, layer: Layer) -> None:
        """A layer that no image came to have."""
        if self.layers.get(layer.diff_id) is not layer:
            self._erase(layer.folder)

    def add(self, config: bytes, made: Iterable[Layer], tags: Iterable[str], parent: str = "") -> Image:
        """An image with the layers just made, or there already; its names move here from where they were."""
        id_, made = f"sha256:{hashlib.sha256(config).hexdigest()}", [*made]
        try:
            _checked(config)  # before anything is changed
            with self._together():
                for layer in made:
                    if layer.diff_id not in self.layers:
                        self.layers[layer.diff_id] = layer
                        self._database.put(
                            "layer", layer.diff_id, {"folder": layer.folder, "size": layer.size}
                        )
                image = self.by_id.setdefault(id_, Image(id_, config.decode(), parent=parent))
                if len(image.diff_ids) > LAYERS_AT_MOST:
                    raise ApiError("max depth exceeded")
                missing = [diff_id for diff_id in image.diff_ids if diff_id not in self.layers]
                if missing:
                    raise BadRequest(f"the archive lacks the layer {missing[0]} that its config names")
                self._save(image)
                for tag in tags:
                    self.tag(image, tag)
        finally:
            for layer in made:
                self.drop(layer)
        return image

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """All changes inside, on disk and in memory, or none."""
        known, images = dict(self.layers), dict(self.by_id)
        tags = {id_: [*image.tags] for id_, image in images.items()}
        try:
            with self._database.together():
                yield
        except BaseException:
            self.layers, self.by_id = known, images
            for id_, names in tags.items():
                images[id_].tags = names
            raise

    def _save(self, image: Image) -> None:
        document = {"config": image.config, "tags": image.tags, "parent": image.parent}
        self._database.put("image", image.id, document)

    def _collect(self) -> None:
        """Let go of layers that no image has."""
        held = {diff_id for image in self.by_id.values() for diff_id in image.diff_ids}
        for diff_id in [*self.layers]:
            if diff_id not in held:
                layer = self.layers.pop(diff_id)
                self._database.delete("layer", diff_id)
                self._erase(layer.folder)

    # load and import

    def unpack_archive(self, source: layers.Readable) -> list[tuple[bytes, list[Layer], list[str]]]:
        """Read what `docker image save` wrote: configs, layers and names; in a thread.

        Raises:
            BadRequest: it is no such archive.
        """
        found: dict[str, Layer] = {}
        texts: dict[str, bytes] = {}
        links: dict[str, str] = {}
        try:
            self._read_members(source, found, texts, links)
            for name, target in links.items():
                if target in found:
                    found.setdefault(name, found[target])
            return self._assemble(found, texts)
        except BaseException:
            for layer in {layer.folder: layer for layer in found.values()}.values():
                self.drop(layer)
            raise

    def _read_members(
        self,
        source: layers.Readable,
        found: dict[str, Layer],
        texts: dict[str, bytes],
        links: dict[str, str],
    ) -> None:
        read = 0
        try:
            with tarfile.open(fileobj=source, mode="r|*", bufsize=layers.CHUNK) as archive:  # type: ignore[call-overload]
                for member in archive:
                    if member.issym() or member.islnk():
                        folder = member.name.rpartition("/")[0]
                        target = member.linkname if member.islnk() else f"{folder}/{member.linkname}"
                        links[member.name] = _flat(target)
                        continue
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is None:
                        continue
                    start = content.read(1)
                    if member.name.endswith(".json") or start in (b"{", b"["):
                        read += member.size
                        if max(member.size, read // 8) > JSON_AT_MOST:
                            raise BadRequest(f"the archive's {member.name} is too large to be a config")
                        texts[member.name] = start + content.read()
                    elif member.size >= 2 * layers.BLOCK or member.name.endswith(".tar"):
                        found[member.name] = self.add_layer(_Prefixed(start, content))
        except (tarfile.TarError, EOFError) as error:
            raise BadRequest(f"the archive can't be read: {error}") from error

    def _assemble(
        self, found: dict[str, Layer], texts: dict[str, bytes]
    ) -> list[tuple[bytes, list[Layer], list[str]]]:
        try:
            manifest = json.loads(texts["manifest.json"])
            result, used = [], set()
            for item in manifest:
                config = texts[item["Config"]]
                made = [found[name] for name in item["Layers"]]
                wanted = _checked(config)["rootfs"]["diff_ids"] or []
                if [layer.diff_id for layer in made] != wanted:
                    raise BadRequest("invalid archive: its layers are not those that its config names")
                used |= {layer.folder for layer in made}
                result.append((config, made, [words.reference(tag) for tag in item.get("RepoTags") or ()]))
        except (KeyError, TypeError, ValueError) as error:
            what = error.args[0] if isinstance(error, KeyError) and error.args else "manifest.json"
            raise BadRequest(
                f"not an archive of `docker image save`: {what} is missing or can't be read"
            ) from error
        for layer in found.values():
            if layer.folder not in used:
                self.drop(layer)
        return result

    def loaded(self, unpacked: Iterable[tuple[bytes, list[Layer], list[str]]]) -> list[Image]:
        """Take in what was unpacked; a layer may be there twice."""
        made, unpacked = [], [*unpacked]
        try:
            for config, parts, tags in unpacked:
                fresh = [part for part in parts if self.layers.get(part.diff_id) is not part]
                image = self.add(config, fresh, tags)
                self._events.tell("image", "load", image.id, {"name": image.id})
                made.append(image)
        finally:
            for part in (part for _config, parts, _tags in unpacked for part in parts):
                self.drop(part)
        return made

    def new_config(
        self,
        config: dict[str, Any],
        parent: Image | None,
        layer: Layer,
        created_by: str,
        comment: str = "",
        author: str = "",
    ) -> bytes:
        """The JSON of an image that puts one more layer on its parent's."""
        base = parent.value if parent else {}
        created = words.now()
        line = {"created": created, "created_by": created_by, "comment": comment, "author": author}
        value = {
            "architecture": base.get("architecture", self.architecture),
            "os": "linux",
            "author": author,
            "comment": comment,
            "created": created,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [*(parent.diff_ids if parent else ()), layer.diff_id]},
            "history": [*(base.get("history") or ()), {key: text for key, text in line.items() if text}],
        }
        return json.dumps(value, sort_keys=True).encode()

    # names

    def tag(self, image: Image, name: str) -> None:
        """Give it a name, and take that from whatever had it."""
        wanted = words.reference(name)
        with self._together():
            for other in self.by_id.values():
                if wanted in other.tags and other is not image:
                    other.tags.remove(wanted)
                    self._save(other)
            if wanted not in image.tags:
                image.tags.append(wanted)
                image.tags.sort()
            self._save(image)
        self._events.tell("image", "tag", image.id, {"name": wanted})

    def remove(
        self, ref: str, holders: dict[str, list[tuple[str, bool]]], *, force: bool = False
    ) -> list[dict[str, str]]:
        """Take a name away, and with the last one the image; `holders` are containers, with whether they run,
        by image id.

        Raises:
            Conflict: a container holds it, or it has several names and was named by its id.
        """
        image = self.find(ref)
        held = holders.get(image.id, [])
        short = image.id.removeprefix("sha256:")[:12]
        by_name = self.by_tag(ref) is image
        said: list[dict[str, str]] = []
        if by_name and "@" not in ref:
            wanted = words.reference(ref)
            if len(image.tags) > 1 or (force and held):
                self._untag(image, wanted)
                return [{"Untagged": wanted}]
            if held:
                raise Conflict(
                    f'conflict: unable to remove repository reference "{ref}" (must force) - container '
                    f"{held[0][0][:12]} is using its referenced image {short}"
                )
        else:
            repositories = {tag.rpartition(":")[0] for tag in image.tags}
            if len(repositories) > 1 and not force:
                raise Conflict(
                    f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple "
                    "repositories"
                )
            running = next((id_ for id_, runs in held if runs), None)
            if running:
                raise Conflict(
                    f"conflict: unable to delete {short} (cannot be forced) - image is being used by running "
                    f"container {running[:12]}"
                )
            if held and not force:
                raise Conflict(
                    f"conflict: unable to delete {short} (must be forced) - image is being used by stopped "
                    f"container {held[0][0][:12]}"
                )
        with self._together():
            for tag in [*image.tags]:
                self._untag(image, tag)
                said.append({"Untagged": tag})
            if not held:
                said.append({"Deleted": image.id})
                self.forget(image)
        return said

    def _untag(self, image: Image, tag: str) -> None:
        image.tags.remove(tag)
        self._save(image)
        self._events.tell("image", "untag", image.id, {"name": image.id})

    def forget(self, image: Image) -> None:
        """Remove an image and the layers that only it had."""
        with self._database.together():
            self._database.delete("image", image.id)
            del self.by_id[image.id]
            self._collect()
        self._events.tell("image", "delete", image.id, {"name": image.id})

    # save

    def save(self, refs: list[str]) -> Iterator[bytes]:
        """An archive as `docker image save` writes it, in pieces; in a thread.

        A layer comes out as it came in. Where its tar had a path twice it is packed anew, so its digest, and
        with it the image's id, differs from what was loaded; names, content and settings are the same.
        """
        chosen: dict[str, tuple[Image, list[str]]] = {}
        for ref in refs:
            image = self.find(ref)
            named = [words.reference(ref)] if self.by_tag(ref) is image and "@" not in ref else []
            chosen.setdefault(image.id, (image, []))[1].extend(named)
        packed: dict[str, str] = {}
        manifest = []
        for image, tags in chosen.values():
            for diff_id in image.diff_ids:
                if diff_id not in packed:
                    packed[diff_id] = yield from self._layer(diff_id)
            value = image.value
            renamed = [packed[diff_id] for diff_id in image.diff_ids]
            config = image.config.encode()
            if renamed != image.diff_ids:
                value["rootfs"]["diff_ids"] = renamed
                config = json.dumps(value, sort_keys=True).encode()
            name = f"{hashlib.sha256(config).hexdigest()}.json"
            yield from _file(name, config)
            manifest.append(
                {
                    "Config": name,
                    "RepoTags": tags or None,
                    "Layers": [_layer_name(diff_id) for diff_id in renamed],
                }
            )
        yield from _file("manifest.json", json.dumps(manifest).encode())
        yield bytes(2 * layers.BLOCK)

    def _layer(self, diff_id: str) -> Generator[bytes, None, str]:
        """One layer as a member of an archive; the digest that it has there."""
        folder = self.layers[diff_id].folder
        root, recorded = str(self._root / folder), self._record(folder)
        if recorded.exists():
            length = record.length(recorded)
            yield _file_header(_layer_name(diff_id), length)
            yield from record.replay(recorded, root)
        else:
            length, digest = 0, hashlib.sha256()
            for piece in layers.pack(root):
                length += len(piece)
                digest.update(piece)
            diff_id = f"sha256:{digest.hexdigest()}"
            yield _file_header(_layer_name(diff_id), length)
            yield from layers.pack(root)
        yield bytes(-length % layers.BLOCK)
        return diff_id


def _layer_name(diff_id: str) -> str:
    return f"{diff_id.removeprefix('sha256:')}/layer.tar"


def _checked(config: bytes) -> dict[str, Any]:
    """An image's config, decoded.

    Raises:
        ValueError: it has not the shape that is relied on.
    """
    value = json.loads(config.decode("utf-8"))
    if not isinstance(value, dict) or not isinstance(value.get("config", {}), dict | None):
        raise ValueError("config")
    check_shape(value.get("config") or {})
    words.seconds(str(value.get("created") or "1970-01-01T00:00:00Z"))
    for line in value.get("history") or ():
        words.seconds(str(line.get("created") or "1970-01-01T00:00:00Z"))
    return value


def _flat(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _file_header(name: str, length: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = length
    return info.tobuf(tarfile.GNU_FORMAT)


def _file(name: str, content: bytes) -> Iterator[bytes]:
    yield _file_header(name, len(content)) + content + bytes(-len(content) % layers.BLOCK)


class _Prefixed:
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, rest: layers.Readable) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._start:
            return self._rest.read(size)
        if size < 0:
            start, self._start = self._start, b""
            return start + self._rest.read(-1)
        start, self._start = self._start[:size], self._start[size:]
        return start + (self._rest.read(size - len(start)) if size > len(start) else b"")


class _Plain:
    """A tar without its compression, hashed as it passes: a diff id is of the plain tar (OCI config.md)."""

    def __init__(self, source: layers.Readable | Iterator[bytes]) -> None:
        source = layers.Tap(source)
        start = source.read(2)
        whole = _Prefixed(start, source)
        plain: layers.Readable = whole
        if start == b"\x1f\x8b":
            plain = gzip.GzipFile(fileobj=io.BufferedReader(_Raw(whole), layers.CHUNK), mode="rb")
        self._tap = layers.Tap(plain)

    def read(self, size: int = -1, /) -> bytes:
        return self._tap.read(size)

    def drain(self) -> str:
        """Read to the end; the digest."""
        return self._tap.drain()


class _Raw(io.RawIOBase):
    """What gzip reads from."""

    def __init__(self, source: layers.Readable) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def full_config(config: dict[str, Any]) -> dict[str, Any]:
    """A container config with every key that clients expect."""
    empty: dict[str, Any] = {
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": [],
        "Cmd": None,
        "Image": "",
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": {},
    }
    return empty | config
