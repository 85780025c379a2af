"""A small root of busybox, for engines under test."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

APPLETS = (
    "awk cat chmod chown cp dd df echo env false grep head hostname httpd id kill ln ls mkdir mkfifo mknod mount mv "
    "ps pwd readlink rm rmdir sed seq sh sleep sort stat stty sync tail tar test touch tr true tty umount wc wget yes"
)


def root_archive(applets: str = APPLETS, users: str = "") -> bytes:
    """The tar of a root with busybox, for `docker image import`; `users` are further lines of /etc/passwd."""
    busybox = shutil.which("busybox")
    assert busybox
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:

        def add(name: str, kind: bytes, mode: int = 0o755, content: bytes = b"", link: str = "") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname = kind, mode, len(content), link
            info.mtime = 1767225600
            archive.addfile(info, io.BytesIO(content))

        for folder in ("bin", "etc", "srv", "srv/deep", "root", "var", "var/opt"):
            add(folder, tarfile.DIRTYPE)
        add("tmp", tarfile.DIRTYPE, 0o1777)
        add("bin/busybox", tarfile.REGTYPE, content=Path(busybox).read_bytes())
        for name in applets.split():
            add(f"bin/{name}", tarfile.SYMTYPE, 0o777, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, f"root:x:0:0:root:/root:/bin/sh\n{users}".encode())
        add("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\n")
        add("srv/one", tarfile.REGTYPE, 0o640, b"one\n")
        add("srv/deep/two", tarfile.REGTYPE, 0o644, b"two\n")
        add("srv/link", tarfile.SYMTYPE, 0o777, link="/etc/passwd")
        add("away", tarfile.SYMTYPE, 0o777, link="/srv/deep")
    return out.getvalue()
