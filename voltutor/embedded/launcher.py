"""The process that starts all others: it has one thread, so that it can fork and change namespaces, adopts
what its children leave, and ends everything when the engine goes.

It is forked before the engine has threads. Requests and reports are small messages on a socket pair; what a
process is to become lies in a memory file that is sent along, with the ends of its pipes.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
from typing import Any, NoReturn

from voltutor.embedded import kernel, sandbox

ROOM = 4096
"""Bytes of one message."""

ENDS = 6
"""File descriptors with one message, at most: spec, error pipe, stdin, stdout, stderr, and a container's
pidfd."""


def fork(isolated: bool) -> tuple[int, socket.socket]:
    """Start the launcher; its pid, and the engine's end of the socket pair."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    ours.close()
    try:
        _Launcher(theirs, isolated).serve()
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(0)


SPEC, ERROR, PIDFD = 3, 4, 6
"""Where a child finds what it is to become, the pipe for its failure, and the container that it joins;
`sandbox.ALIVE` lies between them."""


class _Launcher:
    def __init__(self, channel: socket.socket, isolated: bool) -> None:
        self._channel, self._isolated = channel, isolated
        self._children: set[int] = set()
        # Only we hold the other end: a child reads an end of file when we are gone, and it was born too late
        # to be told by a signal.
        self._alive, self._kept_open = os.pipe()
        # A child's end must wake the loop: SIGCHLD writes a byte here.
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the engine decides when to end
        kernel.become_subreaper()
        gc.freeze()  # a collection in a child would copy every page that it looks at
        gc.disable()

    def serve(self) -> None:
        """Until the engine's end of the socket closes, however it did."""
        while True:
            channel = self._channel.fileno()
            ready, _, _ = select.select([channel, self._woken], [], [])
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    while os.read(self._woken, 512):
                        pass
                self._reap()
            if channel in ready:
                message, fds = self._receive()
                if not message:
                    break
                self._do(json.loads(message), fds)
        self._end_all()

    def _receive(self) -> tuple[bytes, list[int]]:
        fds = array.array("i")
        try:
            message, extra, _flags, _address = self._channel.recvmsg(
                ROOM, socket.CMSG_LEN(ENDS * fds.itemsize)
            )
        except ConnectionError:
            return b"", []
        for level, kind, data in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        return message, list(fds)

    def _tell(self, **words: Any) -> None:
        with contextlib.suppress(OSError):
            self._channel.send(json.dumps(words).encode())

    def _do(self, request: dict[str, Any], fds: list[int]) -> None:
        for fd in fds:
            os.set_inheritable(fd, False)
        kind = request["kind"]
        try:
            pid = self._fork(kind, fds)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.write(fds[1], sandbox.report(error))
            pid = -1
        for fd in fds:
            os.close(fd)
        if pid > 0:
            self._children.add(pid)
        self._tell(request=request["id"], pid=pid)

    def _fork(self, kind: str, fds: list[int]) -> int:
        """A child that becomes what is asked for.

        A process namespace holds for children only, and without power over the one that we are in there is no
        way back into it: so a helper goes there, forks, and ends, which leaves its child to us.
        """
        if kind not in ("start", "join"):
            pid = os.fork()
            if pid == 0:
                self._child(kind, fds)
            return pid
        told_read, told = os.pipe()
        go, go_write = os.pipe()
        helper = os.fork()
        if helper == 0:
            try:
                os.close(go_write)
                if kind == "start":
                    kernel.unshare(kernel.NEWPID)
                else:
                    kernel.setns(fds[5], kernel.NEWPID)
                pid = os.fork()
                if pid == 0:
                    os.close(told)
                    # Until the helper has ended: a signal at the parent's end must mean the launcher. Nothing
                    # to read is its end.
                    if os.read(go, 1):
                        self._child(kind, fds)
                    os._exit(127)
                os.write(told, str(pid).encode())
            except OSError as error:
                os.write(fds[1], sandbox.report(error))
            os._exit(0)
        os.close(told)
        os.close(go)
        said = os.read(told_read, 32)
        os.close(told_read)
        os.waitpid(helper, 0)
        with contextlib.suppress(BrokenPipeError):
            os.write(go_write, b"g")
        os.close(go_write)
        return int(said or -1)

    def _child(self, kind: str, fds: list[int]) -> NoReturn:
        error_fd = ERROR
        try:
            signal.set_wakeup_fd(-1)
            pidfd = _arrange(fds, self._alive)
            kernel.die_with_parent(signal.SIGKILL)
            sandbox.still_wanted()
            with os.fdopen(os.dup(SPEC), "rb") as file:
                file.seek(0)
                spec = json.load(file)
            if kind == "start":
                sandbox.start(spec)
            elif kind == "join":
                sandbox.join(spec, pidfd)
            elif kind == "plain":
                sandbox.plain(spec)
            elif kind == "connect":
                with sandbox.connect(spec, pidfd) as made:
                    socket.send_fds(socket.socket(fileno=0), [b"ok"], [made.fileno()])
            else:
                answer = sandbox.inside(spec)
                os.write(error_fd, json.dumps({"answer": answer}).encode())
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(error_fd, sandbox.report(error))
            os._exit(127)
        os._exit(0)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._children.discard(pid)
            self._tell(pid=pid, code=_code(status))

    def _end_all(self) -> None:
        """Kill what still runs: our children, and without namespaces whatever they left to us."""
        while True:
            pids = self._children if self._isolated else self._children | _children_of(os.getpid())
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                pid, _status = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            self._children.discard(pid)


def _arrange(fds: list[int], alive: int) -> int:
    """Put a child's descriptors in their places and close all others; where a container's pidfd is, or -1."""
    wanted = [*fds[2:5], fds[0], fds[1], alive, *fds[5:6]]
    # First out of the way of one another, then into place.
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in wanted]
    for number, fd in enumerate(copies):
        os.dup2(fd, number, inheritable=number < SPEC)
    os.closerange(len(copies), 1 << 16)
    return PIDFD if len(fds) > 5 else -1


def _code(status: int) -> int:
    """As a shell counts: 128 and the signal for what a signal ended."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _children_of(pid: int) -> set[int]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        return {int(word) for word in file.read().split()}
    return set()
