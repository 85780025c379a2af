"""Images over HTTP, and commit."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import web

from voltutor.embedded import filters, words
from voltutor.embedded.api.http import (
    Incoming,
    answer,
    body,
    closing,
    daemon,
    from_thread,
    nothing,
    streamed,
    truth,
)
from voltutor.embedded.container import Container
from voltutor.embedded.daemon import Daemon
from voltutor.embedded.errors import ApiError, BadRequest, NotFound, NotServed
from voltutor.embedded.images import Image, Layer, full_config

NO_REGISTRY = (
    "this engine reaches no registry: Docker pulls images; save it there (`docker image save`) and load it here "
    "(`docker image load`)"
)


async def listed(request: web.Request) -> web.StreamResponse:
    """`docker image ls`."""
    known = ("before", "dangling", "label", "reference", "since", "until")
    wanted = filters.parse(request.query.get("filters"), known)
    engine = daemon(request)
    held = engine.containers.holders_of_images()
    found = []
    for image in engine.images.by_id.values():
        if _passes(image, wanted):
            found.append(engine.images.summary(image, len(held.get(image.id, ()))))
    return answer(sorted(found, key=lambda image: image["Created"], reverse=True))


def _passes(image: Image, wanted: filters.Filters) -> bool:
    label = filters.label((image.value.get("config") or {}).get("Labels"))
    tests: dict[str, Callable[[str], bool]] = {
        "dangling": lambda value: filters.flag(value) == (not image.tags),
        "label": label,
        "label!": lambda value: not label(value),
        "reference": lambda value: any(_matches(tag, value) for tag in image.tags),
    }
    return filters.matches(wanted, tests)


def _matches(tag: str, pattern: str) -> bool:
    name, _, _tag = tag.rpartition(":")
    return fnmatch.fnmatchcase(tag, pattern) or fnmatch.fnmatchcase(name, pattern)


async def inspect(request: web.Request) -> web.StreamResponse:
    """`docker image inspect`."""
    engine = daemon(request)
    return answer(engine.images.view(engine.images.find(request.match_info["name"]), engine.choice.kind))


async def history(request: web.Request) -> web.StreamResponse:
    """`docker image history`."""
    images = daemon(request).images
    return answer(images.history(images.find(request.match_info["name"])))


async def tag(request: web.Request) -> web.StreamResponse:
    """`docker image tag`."""
    images = daemon(request).images
    image = images.find(request.match_info["name"])
    images.tag(image, f"{request.query.get('repo', '')}:{request.query.get('tag') or 'latest'}")
    return nothing(201)


async def remove(request: web.Request) -> web.StreamResponse:
    """`docker image rm`."""
    engine = daemon(request)
    said = engine.images.remove(
        request.match_info["name"], engine.containers.holders_of_images(), force=truth(request, "force")
    )
    return answer(said)


async def prune(request: web.Request) -> web.StreamResponse:
    """`docker image prune`: what has no name, or with `dangling=false` what no container holds."""
    wanted = filters.parse(request.query.get("filters"), ("dangling", "label", "label!", "until"))
    engine = daemon(request)
    dangling = all(map(filters.flag, wanted.get("dangling", ["true"])))
    by_label = {key: values for key, values in wanted.items() if key.startswith("label")}
    held = engine.containers.holders_of_images()
    said: list[dict[str, str]] = []
    before = sum(layer.size for layer in engine.images.layers.values())
    for image in [*engine.images.by_id.values()]:
        if image.id not in held and (not dangling or not image.tags) and _passes(image, by_label):
            said += [{"Untagged": name} for name in image.tags]
            said.append({"Deleted": image.id})
            engine.images.forget(image)
    space = before - sum(layer.size for layer in engine.images.layers.values())
    return answer({"ImagesDeleted": said or None, "SpaceReclaimed": space})


async def load(request: web.Request) -> web.StreamResponse:
    """`docker image load`. The headers leave before the archive has passed, as the progress would."""
    engine = daemon(request)
    try:
        unpacked = await asyncio.to_thread(engine.images.unpack_archive, Incoming(request))
    except ApiError as error:  # Docker's headers have left by then, so that its errors come in the stream
        return answer({"errorDetail": {"message": error.message}, "error": error.message})
    images = engine.images.loaded(unpacked)
    response = await streamed(request, "application/json")
    for image, (_config, _layers, tags) in zip(images, unpacked, strict=True):
        lines = [f"Loaded image: {tag}\n" for tag in tags] or [f"Loaded image ID: {image.id}\n"]
        for line in lines:
            await response.write(json.dumps({"stream": line}).encode() + b"\r\n")
    return response


async def save(request: web.Request) -> web.StreamResponse:
    """`docker image save`."""
    name = request.match_info.get("name")
    refs = [name] if name else request.query.getall("names", [])
    images = daemon(request).images
    for ref in refs:
        images.find(ref)
    response = await streamed(request, "application/x-tar")
    async for piece in from_thread(images.save(refs)):
        await response.write(piece)
    return response


async def create(request: web.Request) -> web.StreamResponse:
    """`docker image import`; `docker image pull` is refused."""
    query = request.query
    if query.get("fromImage"):
        wanted = query.get("tag") or "latest"
        name = f"{query['fromImage']}{'@' if ':' in wanted else ':'}{wanted}"
        denied = "repository does not exist or may require 'docker login'"  # the words that clients look for
        raise NotFound(f"pull access denied for {name}, {denied}: {NO_REGISTRY}")
    if query.get("fromSrc") != "-":
        raise NotServed("import from an address: fetch the archive, and import it from a file")
    images = daemon(request).images
    config = changed(
        full_config({}), [line for text in query.getall("changes", []) for line in text.splitlines()]
    )
    message = query.get("message", "")
    target = _target(request)
    layer = await asyncio.to_thread(images.add_layer, Incoming(request))
    text = images.new_config(config, None, layer, "", message or "Imported from -")
    image = images.add(text, [layer], [target] if target else [])
    daemon(request).events.tell("image", "import", image.id, {"name": image.id})
    return answer({"status": image.id})


def _target(request: web.Request) -> str:
    """The name that an image gets; some clients send its tag with it."""
    repository, tag_ = request.query.get("repo", ""), request.query.get("tag", "")
    return words.reference(f"{repository}:{tag_}" if tag_ else repository) if repository else ""


async def commit(request: web.Request) -> web.StreamResponse:
    """`docker container commit`: the container's layer becomes an image's; what lies in volumes does not."""
    engine, query = daemon(request), request.query
    container = engine.containers.get(query.get("container", ""))
    parent = engine.images.by_id.get(container.image_id)
    given = await body(request)
    config = {**full_config(container.config), **{key: value for key, value in given.items() if value}}
    if config.get("Hostname") == container.id[:12]:
        config["Hostname"] = ""
    config = changed(config, [line for text in query.getall("changes", []) for line in text.splitlines()])
    target = _target(request)
    pauses = truth(request, "pause", True) and container.state.status == "running"
    if pauses:
        engine.containers.pause(container)
    try:
        layer = await _own_layer(engine, container)
    finally:
        if pauses and container.state.status == "paused":  # it may have been killed meanwhile
            engine.containers.unpause(container)
    text = engine.images.new_config(
        config, parent, layer, " ".join(container.argv), query.get("comment", ""), query.get("author", "")
    )
    image = engine.images.add(text, [layer], [target] if target else [], container.image_id if parent else "")
    engine.events.tell(
        "container", "commit", container.id, container.attributes(comment="", imageID=image.id)
    )
    return answer({"Id": image.id}, 201)


async def _own_layer(engine: Daemon, container: Container) -> Layer:
    """A container's layer as one for an image: packed by one process, unpacked by this one."""
    ours, theirs = os.pipe()
    work = asyncio.create_task(closing(engine.containers.layer_tar(container, theirs), theirs))
    with os.fdopen(ours, "rb") as source:
        try:
            return await asyncio.to_thread(engine.images.add_layer, source)
        finally:
            source.close()
            await work


async def search(_request: web.Request) -> web.StreamResponse:
    """`docker search`."""
    raise NotServed(NO_REGISTRY)


def changed(config: Mapping[str, Any], lines: Iterable[str]) -> dict[str, Any]:
    """A config after instructions of a Dockerfile, as `--change` gives them.

    Raises:
        BadRequest: an instruction that can't be given so.
    """
    found = dict(config)
    for line in filter(None, map(str.strip, lines)):
        name, _, rest = line.partition(" ")
        rest = rest.strip()
        match name.upper():
            case "CMD" | "ENTRYPOINT":
                key = "Cmd" if name.upper() == "CMD" else "Entrypoint"
                found[key] = _list(rest) or ["/bin/sh", "-c", rest]
            case "ENV" | "LABEL":
                pairs = _pairs(rest)
                if name.upper() == "ENV":
                    kept = [item for item in found.get("Env") or () if item.split("=")[0] not in pairs]
                    found["Env"] = [*kept, *(f"{key}={value}" for key, value in pairs.items())]
                else:
                    found["Labels"] = {**(found.get("Labels") or {}), **pairs}
            case "EXPOSE":
                ports: dict[str, Any] = {word if "/" in word else f"{word}/tcp": {} for word in rest.split()}
                found["ExposedPorts"] = {**(found.get("ExposedPorts") or {}), **ports}
            case "USER":
                found["User"] = rest
            case "VOLUME":
                paths = _list(rest) or rest.split()
                found["Volumes"] = {**(found.get("Volumes") or {}), **{path: {} for path in paths}}
            case "WORKDIR":
                found["WorkingDir"] = rest
            case "STOPSIGNAL":
                found["StopSignal"] = rest
            case _:
                raise BadRequest(f"{name} is not a valid change command")
    return found


def _list(text: str) -> list[str]:
    """The JSON form of an instruction, or nothing."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return [str(item) for item in value] if isinstance(value, list) else []


def _pairs(text: str) -> dict[str, str]:
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise BadRequest(f"can't read {text!r}: {error}") from error
    if parts and "=" not in parts[0]:
        return {parts[0]: " ".join(parts[1:])}
    return dict(part.partition("=")[::2] for part in parts)
