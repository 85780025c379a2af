"""The event loop of one engine: serves its socket until a signal comes, the launcher or its folder goes, or it is
idle and empty."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from voltutor.embedded.api.app import application
from voltutor.embedded.daemon import Daemon
from voltutor.embedded.probe import Choice
from voltutor.embedded.spawner import Spawner

THREADS = 64
"""Slow things at once."""

LOOK_EVERY = 1.0
"""Seconds between two looks whether it is idle, and whether its folder is there."""


async def run(
    root: Path,
    choice: Choice,
    channel: socket.socket,
    path: Path,
    idle: float,
    there: Callable[[], bool],
) -> None:
    """Serve until the end; `there` is whether the engine's folder is."""
    # Each upload takes a thread for as long as its client likes; the default of a few would stop everything else.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "engine"))
    spawner = Spawner(channel)
    daemon = Daemon(root, choice, spawner, path)
    app = application(daemon)
    busy = _Busy()
    app.middlewares.append(busy.middleware())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
    await runner.setup()
    # Before anybody can connect: whoever could is told that it runs, and may stop it at once.
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    # Bound by hand, so that nobody can connect before its mode is set.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chmod(path, 0o600)
    bound = os.stat(path)
    listener.listen(4096)
    await web.SockSite(runner, listener).start()
    gone = asyncio.create_task(spawner.gone.wait())
    gone.add_done_callback(lambda _task: ended.set())
    quiet = 0.0
    while not ended.is_set():
        try:
            async with asyncio.timeout(LOOK_EVERY):
                await ended.wait()
        except TimeoutError:
            quiet = 0.0 if busy.since_last() or not daemon.empty else quiet + LOOK_EVERY
            if idle and quiet >= idle:
                logging.getLogger(__name__).info("idle and empty")
                break
            if not there():
                logging.getLogger(__name__).warning("its folder has gone")
                break
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.stat(path), bound):  # else another engine answers there
            path.unlink()
    # Without its folder there is nothing to write the containers' end to; the launcher ends them when we are gone.
    if there():
        await daemon.close()
    await runner.cleanup()
    gone.cancel()


class _Busy:
    """Whether anything was asked lately, or is being answered."""

    def __init__(self) -> None:
        self._open = 0
        self._asked = False

    def middleware(self) -> Middleware:
        """What counts requests."""

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._open += 1
            self._asked = True
            try:
                return await handler(request)
            finally:
                self._open -= 1

        return counted

    def since_last(self) -> bool:
        """Whether there was a request since the last look, or one is open."""
        asked, self._asked = self._asked, False
        return asked or self._open > 0
