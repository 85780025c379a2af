"""What the store image holds besides Redis: its configuration, what starts it, and what asks it.

Redis listens on a Unix socket in its own layer, so that it needs no network.
"""

from __future__ import annotations

from collections.abc import Mapping

DATA = "/data"
"""The folder that the image declares as VOLUME; what lies in it is a service's data."""

SOCKET = "/tmp/redis.sock"  # noqa: S108 - a path in a container

READY = 300
"""Looks, a tenth of a second apart, after which Redis is given up."""

CONFIGURATION = f"""\
dir {DATA}
port 0
unixsocket {SOCKET}
appendonly yes
appendfsync always
auto-aof-rewrite-percentage 0
save ""
"""

_START = """\
#!/bin/sh
# Redis as process 1: it ends in an orderly way on TERM.
exec redis-server /etc/store.conf
"""

_ASK = f"""\
#!/bin/sh
# redis-cli on this container's socket, once Redis has loaded its data.
n=0
until [ "$(redis-cli -s {SOCKET} PING 2>/dev/null)" = PONG ]; do
  n=$((n+1))
  [ $n -lt {READY} ] || {{ echo "Redis does not answer" >&2; exit 1; }}
  sleep 0.1
done
exec redis-cli -s {SOCKET} "$@"
"""

_SUM = """\
local sum = ""
local keys = redis.call("KEYS", "*")
table.sort(keys)
for _, key in ipairs(keys) do sum = redis.sha1hex(sum .. key .. "=" .. redis.call("GET", key)) end
return sum
"""

_CHECKSUM = """\
#!/bin/sh
# One checksum over all keys and their values.
exec ask --eval /etc/checksum.lua
"""

STORE_FILES: Mapping[str, tuple[int, bytes]] = {
    "/etc/store.conf": (0o644, CONFIGURATION.encode()),
    "/etc/checksum.lua": (0o644, _SUM.encode()),
    "/bin/store": (0o755, _START.encode()),
    "/bin/ask": (0o755, _ASK.encode()),
    "/bin/checksum": (0o755, _CHECKSUM.encode()),
}
"""Path to mode and content."""
