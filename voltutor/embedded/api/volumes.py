"""Volumes over HTTP."""

from __future__ import annotations

from aiohttp import web

from voltutor.embedded import filters
from voltutor.embedded.api.http import answer, api_version, body, daemon, nothing, truth
from voltutor.embedded.errors import BadRequest
from voltutor.embedded.settings import check_shape
from voltutor.embedded.volumes import Volume


async def listed(request: web.Request) -> web.StreamResponse:
    """`docker volume ls`."""
    wanted = filters.parse(request.query.get("filters"), ("dangling", "driver", "label", "name"))
    volumes = daemon(request).volumes.by_name
    found = [volumes[name].view() for name in sorted(volumes) if _passes(volumes[name], wanted)]
    return answer({"Volumes": found, "Warnings": None})


def _passes(volume: Volume, wanted: filters.Filters) -> bool:
    return filters.matches(
        wanted,
        {
            "dangling": lambda value: filters.flag(value) == (not volume.holders),
            "driver": lambda value: value == "local",
            "label": filters.label(volume.labels),
            "name": lambda value: filters.pattern(value)(volume.name),
        },
    )


async def create(request: web.Request) -> web.StreamResponse:
    """`docker volume create`."""
    wanted = await body(request)
    if wanted.get("ClusterVolumeSpec"):
        raise BadRequest("cluster volumes need a swarm")
    check_shape({"Labels": wanted.get("Labels")})
    check_shape({"Labels": wanted.get("DriverOpts")})
    volume = daemon(request).volumes.create(
        str(wanted.get("Name") or ""),
        wanted.get("Labels"),
        wanted.get("DriverOpts"),
        str(wanted.get("Driver") or "local"),
    )
    return answer(volume.view(), 201)


async def inspect(request: web.Request) -> web.StreamResponse:
    """`docker volume inspect`."""
    return answer(daemon(request).volumes.get(request.match_info["name"]).view())


async def remove(request: web.Request) -> web.StreamResponse:
    """`docker volume rm`."""
    daemon(request).volumes.remove(request.match_info["name"], force=truth(request, "force"))
    return nothing()


async def prune(request: web.Request) -> web.StreamResponse:
    """`docker volume prune`: before API 1.42 every volume that nobody uses, since then anonymous ones only,
    unless the filter `all` is set (moby, docs/api/version-history.md)."""
    wanted = filters.parse(request.query.get("filters"), ("label", "label!", "all"))
    every = api_version(request) < (1, 42) or any(map(filters.flag, wanted.get("all", ())))

    def chosen(volume: Volume) -> bool:
        label = filters.label(volume.labels)
        tests = {"label": label, "label!": lambda value: not label(value)}
        return (every or volume.anonymous) and filters.matches(wanted, tests)

    return answer(daemon(request).volumes.prune(chosen))
