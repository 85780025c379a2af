"""The engine's side of the launcher: start a process, hear of its end, work inside a root."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from voltutor.embedded.errors import ApiError

NULL = os.devnull


class ExecFailed(ApiError):
    """The program could not be executed; `code` is a shell's: 127 not found, 126 not executable."""

    def __init__(self, program: str, number: int) -> None:
        self.code = 127 if number == 2 else 126
        text = "executable file not found in $PATH" if number == 2 else os.strerror(number).lower()
        super().__init__(f'unable to start container process: exec: "{program}": {text}: unknown', 400)


class Child:
    """A process that the launcher started: its pid on this machine, and the exit code to wait for."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.pidfd = -1
        with contextlib.suppress(OSError):
            self.pidfd = os.pidfd_open(pid)
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def kill(self, number: int) -> None:
        """Send a signal; nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError, OSError):
            if self.pidfd >= 0:
                signal.pidfd_send_signal(self.pidfd, number)
            else:
                os.kill(self.pid, number)

    def close(self) -> None:
        """Give back the descriptor."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class Spawner:
    """Speaks to the launcher; all on the event loop's thread."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        channel.setblocking(False)
        self._next = 0
        self._asked: dict[int, asyncio.Future[Child | None]] = {}
        self._children: dict[int, Child] = {}
        self.gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(channel.fileno(), self._hear)

    def _hear(self) -> None:
        while True:
            try:
                message = self._channel.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                asyncio.get_running_loop().remove_reader(self._channel.fileno())
                self._lost()
                return
            words = json.loads(message)
            pid = words["pid"]
            if "request" in words:
                child = Child(pid) if pid > 0 else None
                if child:
                    self._children[pid] = child
                asked = self._asked.pop(words["request"])
                if not asked.done():
                    asked.set_result(child)
            elif (ended := self._children.pop(pid, None)) and not ended.ended.done():
                ended.ended.set_result(words["code"])

    def _lost(self) -> None:
        """The launcher was killed: nobody hears any more how a process ends, so all are ended."""
        for child in self._children.values():
            child.kill(signal.SIGKILL)
            if not child.ended.done():
                child.ended.set_result(128 + signal.SIGKILL)
        self._children.clear()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_result(None)
        self.gone.set()

    async def spawn(
        self, kind: str, spec: Mapping[str, Any], ends: Sequence[int], pidfd: int | None = None
    ) -> Child:
        """Start a process. `ends` are the descriptors that become its stdin, stdout and stderr.

        Answers when the program runs.

        Raises:
            ExecFailed: there is no such program, or it can't be executed.
            ApiError: a mount failed, or a namespace.
        """
        child, said = await self._fork(kind, spec, ends, pidfd)
        if said:
            await child.ended
            child.close()
            self._raise(said, str((spec.get("argv") or [""])[0]))
        return child

    async def inside(
        self, spec: Mapping[str, Any], stdin: int | None = None, stdout: int | None = None
    ) -> dict[str, Any]:
        """Work inside a container's root (`sandbox.WORKS`); what it answered."""
        with open(NULL, "r+b", 0) as null:
            fd = null.fileno()
            child, said = await self._fork(
                "inside", spec, [fd if stdin is None else stdin, fd if stdout is None else stdout, fd], None
            )
        await child.ended
        child.close()
        if said.startswith(b"{"):
            answer: dict[str, Any] = json.loads(said)["answer"]
            return answer
        self._raise(said, "")
        raise AssertionError

    async def connect(self, spec: Mapping[str, Any], pidfd: int) -> socket.socket:
        """A connection to a port inside a container's network.

        Raises:
            ApiError: nothing listens there.
        """
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, open(NULL, "r+b", 0) as null:
                fd = null.fileno()
                child, said = await self._fork("connect", spec, [theirs.fileno(), fd, fd], pidfd)
            await child.ended
            child.close()
            if said:
                self._raise(said, "")
            _data, fds, _flags, _address = socket.recv_fds(ours, 16, 1)
            return socket.socket(fileno=fds[0])

    @staticmethod
    def _raise(said: bytes, program: str) -> None:
        error: dict[str, Any] = {"message": "it ended at once", "status": 500}
        if said:
            error = json.loads(base64.b64decode(said))
        if error.get("exec"):
            raise ExecFailed(program, error["errno"])
        raise ApiError(error["message"], error["status"])

    async def _fork(
        self, kind: str, spec: Mapping[str, Any], ends: Sequence[int], pidfd: int | None
    ) -> tuple[Child, bytes]:
        loop = asyncio.get_running_loop()
        memory = os.memfd_create("spec", os.MFD_CLOEXEC)
        error_read, error_write = os.pipe()
        try:
            with os.fdopen(os.dup(memory), "wb") as file:
                file.write(json.dumps(spec).encode())
            self._next += 1
            asked = self._asked[self._next] = loop.create_future()
            request = json.dumps({"id": self._next, "kind": kind}).encode()
            fds = [memory, error_write, *ends, *([pidfd] if pidfd is not None else [])]
            if self.gone.is_set():
                raise ApiError("the engine's launcher has gone: restart the engine")
            socket.send_fds(self._channel, [request], fds)
        except BaseException:
            os.close(error_read)
            raise
        finally:
            os.close(memory)
            os.close(error_write)
        try:
            child = await asked
            said = await _read_all(error_read)
        finally:
            os.close(error_read)
        if child is None:
            self._raise(said, "")
            raise AssertionError
        return child, said


async def _read_all(fd: int) -> bytes:
    """A pipe to its end, without blocking the loop."""
    loop = asyncio.get_running_loop()
    os.set_blocking(fd, False)
    done: asyncio.Future[bytes] = loop.create_future()
    pieces: list[bytes] = []

    def more() -> None:
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            pieces.append(data)
        elif not done.done():
            done.set_result(b"".join(pieces))

    loop.add_reader(fd, more)
    try:
        return await done
    finally:
        loop.remove_reader(fd)
