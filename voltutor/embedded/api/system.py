"""Ping, version, info, events, disk usage; and networks, as far as clients list them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from typing import Any

from aiohttp import web

from voltutor.embedded import filters, words
from voltutor.embedded.api.http import answer, daemon, streamed
from voltutor.embedded.daemon import PRODUCT
from voltutor.embedded.errors import NotFound


async def ping(_request: web.Request) -> web.StreamResponse:
    """A sign of life."""
    headers = {
        "Builder-Version": "1",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "Pragma": "no-cache",
    }
    return web.Response(text="OK", headers=headers)


async def version(request: web.Request) -> web.StreamResponse:
    """`docker version`."""
    return answer(daemon(request).version())


async def info(request: web.Request) -> web.StreamResponse:
    """`docker info`."""
    return answer(daemon(request).info())


async def disk_usage(request: web.Request) -> web.StreamResponse:
    """`docker system df`."""
    return answer(await asyncio.to_thread(daemon(request).disk_usage))


_FILTERS = ("container", "daemon", "event", "image", "label", "network", "plugin", "scope", "type", "volume")


async def events(request: web.Request) -> web.StreamResponse:
    """`docker events`."""
    wanted = filters.parse(request.query.get("filters"), _FILTERS)
    since = words.seconds(request.query["since"]) if request.query.get("since") else None
    until = words.seconds(request.query["until"]) if request.query.get("until") else None
    told = daemon(request).events
    queue = told.listen()
    try:
        response = await streamed(request, "application/json")

        async def send(event: dict[str, Any]) -> None:
            if _wanted(event, wanted):
                await response.write(json.dumps(event).encode() + b"\n")

        sent = 0
        if since is not None:
            for event in told.past(since, until):
                await send(event)
                sent = event["timeNano"]
        with contextlib.suppress(TimeoutError):
            left = None if until is None else max(until - time.time(), 0)
            async with asyncio.timeout(left):
                while True:
                    event = await queue.get()
                    if event["timeNano"] > sent:
                        await send(event)
        return response
    finally:
        told.leave(queue)


def _wanted(event: dict[str, Any], wanted: filters.Filters) -> bool:
    kind, id_, attributes = event["Type"], event["Actor"]["ID"], event["Actor"]["Attributes"]

    def named(of: str) -> Any:
        return lambda value: kind == of and (id_.startswith(value) or attributes.get("name") == value)

    return filters.matches(
        wanted,
        {
            "container": named("container"),
            "image": lambda value: value in (id_, attributes.get("name"), attributes.get("image")),
            "volume": named("volume"),
            "network": lambda value: False,
            "plugin": lambda value: False,
            "daemon": lambda value: False,
            "scope": lambda value: value == "local",
            "type": lambda value: kind == value,
            "event": lambda value: event["Action"].split(":")[0] == value,
            "label": filters.label(attributes),
        },
    )


# networks: what is there by itself


def _networks() -> list[dict[str, Any]]:
    drivers = {"bridge": "bridge", "host": "host", "none": "null"}
    return [
        {
            "Name": name,
            "Id": hashlib.sha256(f"{PRODUCT} {name}".encode()).hexdigest(),
            "Created": words.NEVER,
            "Scope": "local",
            "Driver": driver,
            "EnableIPv6": False,
            "IPAM": {"Driver": "default", "Options": None, "Config": []},
            "Internal": False,
            "Attachable": False,
            "Ingress": False,
            "ConfigFrom": {"Network": ""},
            "ConfigOnly": False,
            "Containers": {},
            "Options": {},
            "Labels": {},
        }
        for name, driver in drivers.items()
    ]


async def networks(request: web.Request) -> web.StreamResponse:
    """`docker network ls`."""
    known = ("dangling", "driver", "id", "label", "name", "scope", "type")
    wanted = filters.parse(request.query.get("filters"), known)
    return answer([network for network in _networks() if _network_passes(network, wanted)])


def _network_passes(network: dict[str, Any], wanted: filters.Filters) -> bool:
    return filters.matches(
        wanted,
        {
            "name": lambda value: filters.pattern(value)(network["Name"]),
            "id": network["Id"].startswith,
            "driver": lambda value: network["Driver"] == value,
            "scope": lambda value: value == "local",
            "type": lambda value: value == "builtin",
            "label": lambda value: False,
            "dangling": lambda value: not filters.flag(value),
        },
    )


async def network(request: web.Request) -> web.StreamResponse:
    """`docker network inspect`."""
    ref = request.match_info["name"]
    for found in _networks():
        if ref == found["Name"] or found["Id"].startswith(ref):
            return answer(found)
    raise NotFound(f"network {ref} not found")
