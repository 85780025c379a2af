"""The routes. What is not among them answers 501 and names who can do it."""

from __future__ import annotations

from aiohttp import web

from voltutor.embedded.api import containers, images, system, volumes
from voltutor.embedded.api.http import DAEMON, Handler, add_headers, not_served, refusal, speak_docker
from voltutor.embedded.daemon import Daemon

ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/_ping", system.ping),
    ("HEAD", "/_ping", system.ping),
    ("GET", "/version", system.version),
    ("GET", "/info", system.info),
    ("GET", "/events", system.events),
    ("GET", "/system/df", system.disk_usage),
    ("GET", "/networks", system.networks),
    ("GET", "/networks/{name}", system.network),
    ("GET", "/images/json", images.listed),
    ("GET", "/images/get", images.save),
    ("GET", "/images/search", images.search),
    ("POST", "/images/load", images.load),
    ("POST", "/images/create", images.create),
    ("POST", "/images/prune", images.prune),
    ("GET", "/images/{name:.+}/json", images.inspect),
    ("GET", "/images/{name:.+}/history", images.history),
    ("GET", "/images/{name:.+}/get", images.save),
    ("POST", "/images/{name:.+}/tag", images.tag),
    ("DELETE", "/images/{name:.+}", images.remove),
    ("POST", "/commit", images.commit),
    ("GET", "/volumes", volumes.listed),
    ("POST", "/volumes/create", volumes.create),
    ("POST", "/volumes/prune", volumes.prune),
    ("GET", "/volumes/{name}", volumes.inspect),
    ("DELETE", "/volumes/{name}", volumes.remove),
    ("GET", "/containers/json", containers.listed),
    ("POST", "/containers/create", containers.create),
    ("POST", "/containers/prune", containers.prune),
    ("GET", "/containers/{id}/json", containers.inspect),
    ("GET", "/containers/{id}/changes", containers.changes),
    ("GET", "/containers/{id}/logs", containers.logs),
    ("POST", "/containers/{id}/start", containers.start),
    ("POST", "/containers/{id}/stop", containers.stop),
    ("POST", "/containers/{id}/restart", containers.restart),
    ("POST", "/containers/{id}/kill", containers.kill),
    ("POST", "/containers/{id}/pause", containers.pause),
    ("POST", "/containers/{id}/unpause", containers.unpause),
    ("POST", "/containers/{id}/wait", containers.wait),
    ("POST", "/containers/{id}/attach", containers.attach),
    ("POST", "/containers/{id}/resize", containers.resize),
    ("POST", "/containers/{id}/rename", containers.rename),
    ("POST", "/containers/{id}/exec", containers.exec_create),
    ("HEAD", "/containers/{id}/archive", containers.archive_head),
    ("GET", "/containers/{id}/archive", containers.archive_get),
    ("PUT", "/containers/{id}/archive", containers.archive_put),
    ("DELETE", "/containers/{id}", containers.remove),
    ("GET", "/exec/{id}/json", containers.exec_inspect),
    ("POST", "/exec/{id}/start", containers.exec_start),
    ("POST", "/exec/{id}/resize", containers.exec_resize),
    ("POST", "/build", not_served("build: build the image with Docker, save it there and load it here")),
    ("POST", "/session", not_served("build: build the image with Docker, save it there and load it here")),
]

PREFIXES = (r"/v{api:\d+\.\d+}", "")

ELSEWHERE = {
    "swarm": "swarms: Docker has them",
    "services": "services: Docker has them, in a swarm",
    "nodes": "nodes: Docker has them, in a swarm",
    "tasks": "tasks: Docker has them, in a swarm",
    "secrets": "secrets: Docker has them, in a swarm",
    "configs": "configs: Docker has them, in a swarm",
    "plugins": "plugins: Docker has them",
    "networks": "networks of one's own: Docker has them",
    "distribution": "registries: Docker reaches them",
    "auth": "registries: Docker reaches them",
    "containers": "that is not among what storage needs: Docker does it",
    "images": "that is not among what storage needs: Docker does it",
}


async def _elsewhere(request: web.Request) -> web.StreamResponse:
    path = request.match_info["path"]
    what = ELSEWHERE.get(path.strip("/").split("/")[0])
    if what is None:
        return refusal(404, "page not found")
    return refusal(501, f"{what} ({request.method} /{path})")


def application(daemon: Daemon) -> web.Application:
    """The application that serves this engine."""
    app = web.Application(middlewares=[speak_docker])
    app[DAEMON] = daemon
    app.on_response_prepare.append(add_headers)
    for prefix in PREFIXES:
        for method, path, handler in ROUTES:
            app.router.add_route(method, prefix + path, handler)
        app.router.add_route("*", prefix + "/{path:.*}", _elsewhere)
    return app
