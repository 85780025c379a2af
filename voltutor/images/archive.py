"""A deterministic archive of one or more images in one stream, as `docker image load` reads it: nothing is
written to disk, however large the layers are."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator

from voltutor.images.recipe import Entry, Layer, Recipe

BLOCK = 512


def archive(recipes: Iterable[Recipe]) -> Iterator[bytes]:
    """The archive, in pieces. A layer that several recipes share is in it once.

    The layers come first, since their digests, which the configs name, are known only after they passed.
    """
    recipes = tuple(recipes)
    diff_ids: dict[str, str] = {}
    for layer in (layer for recipe in recipes for layer in recipe.layers):
        if layer.identity in diff_ids:
            continue
        digest = hashlib.sha256()
        yield _header(f"{layer.identity}.tar", _layer_size(layer))
        for chunk in _layer(layer):
            digest.update(chunk)
            yield chunk
        diff_ids[layer.identity] = f"sha256:{digest.hexdigest()}"
    manifest = []
    for recipe in recipes:
        config = recipe.config(diff_ids[layer.identity] for layer in recipe.layers)
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        yield from _file(name, config)
        manifest.append(
            {
                "Config": name,
                "RepoTags": [recipe.tag],
                "Layers": [f"{layer.identity}.tar" for layer in recipe.layers],
            }
        )
    yield from _file("manifest.json", json.dumps(manifest, sort_keys=True).encode())
    yield bytes(2 * BLOCK)


def _header(path: str, size: int, mode: int = 0o644, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    info = tarfile.TarInfo(path)
    info.size, info.mode, info.type, info.linkname = size, mode, kind, link
    info.mtime = 1767225600  # 2026-01-01, as in the config: an archive made again is the same archive
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _file(path: str, content: bytes) -> Iterator[bytes]:
    yield _header(path, len(content)) + content + _padding(len(content))


def _entry_header(entry: Entry) -> bytes:
    path = entry.path.lstrip("/")
    if entry.link:
        return _header(path, 0, entry.mode, tarfile.SYMTYPE, entry.link)
    if entry.content is None:
        return _header(path + "/", 0, entry.mode, tarfile.DIRTYPE)
    return _header(path, entry.size, entry.mode)


def _layer(layer: Layer) -> Iterator[bytes]:
    for entry in layer.entries:
        yield _entry_header(entry)
        yield from entry.chunks()
        yield _padding(entry.size)
    yield bytes(2 * BLOCK)


def _layer_size(layer: Layer) -> int:
    bodies = sum(
        len(_entry_header(entry)) + entry.size + len(_padding(entry.size)) for entry in layer.entries
    )
    return bodies + 2 * BLOCK
