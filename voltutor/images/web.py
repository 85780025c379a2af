"""What the web image holds besides nginx: the configuration of a replica and of the balancer, and what starts them.

Replicas listen on Unix sockets in one folder that they share, so that they need no network: a container without one
has no way to another, and an engine without root has none to offer.
"""

from __future__ import annotations

from collections.abc import Mapping

SOCKETS = "/run/web"
"""The folder of the sockets: a volume that all of a service's containers mount."""

LISTED = "/etc/web/replicas"
"""In the balancer: a line for each replica that takes requests."""

NOTES = "/srv/notes"
"""In a replica: what visitors leave there; it lies in the replica's own layer, unless something is mounted there."""

TOLD = "/etc/web/told"
"""In the balancer: its list, as it tells it to who asks."""

READY = 100
"""Looks, a tenth of a second apart, after which a replica that doesn't listen is given up."""

AGREED = 5
"""Times that the balancer must tell its new list, a twentieth of a second apart: nginx lets its former worker go a
tenth of a second after the new one came (ngx_master_process_cycle)."""

ANSWERS = "/tmp/answers"  # noqa: S108 - a path in a container
"""In the balancer: a line for each request that it answered."""

PAGE = b"The same page for everybody, whichever replica serves it.\n"

SLOW = b"".join(b"%06d\n" % number for number in range(3511))
"""24 KiB at 16 KiB/s, of which the first 16 go at once and nginx counts whole seconds: a second, wherever it runs."""

_COMMON = """\
user root;
worker_processes 1;
daemon off;
pid /tmp/nginx.pid;
error_log /dev/stderr error;
events { worker_connections 256; }
"""

_FOLDERS = "\n".join(
    f"  {name}_temp_path /tmp/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)

REPLICA = f"""\
{_COMMON}http {{
{_FOLDERS}
  log_format visit '$msec $request_method $request_uri $status';
  access_log /dev/stdout visit;
  server {{
    listen unix:{SOCKETS}/@name@.sock;
    root /srv/www;
    location /slow {{ limit_rate 16k; }}
    location /notes/ {{ root /srv; dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
"""

BALANCER = f"""\
{_COMMON}http {{
{_FOLDERS}
  log_format answer
    '$msec $status "$upstream_addr" "$upstream_status" $body_bytes_sent "$sent_http_content_length" $request_uri';
  access_log {ANSWERS} answer;
  upstream replicas {{ include {LISTED}; }}
  server {{
    listen @listen@;
    location / {{
      proxy_pass http://replicas;
      proxy_connect_timeout 2s;
      proxy_read_timeout 5s;
      # With buffers, nginx 1.22 cuts answers short that are under way when it reloads.
      proxy_buffering off;
    }}
    location = /replicas {{ access_log off; include {TOLD}; }}
  }}
}}
"""

_START = """\
#!/bin/sh
# {about}
{before}sed "s|@{placeholder}@|$1|" /etc/web/{what}.conf > /tmp/nginx.conf
{after}exec nginx -e /dev/stderr -c /tmp/nginx.conf
"""

_LIST = f"""\
for name; do echo "server unix:{SOCKETS}/$name.sock;"; done > {LISTED}
echo "return 200 '$*';" > {TOLD}
"""

_RELIST = f"""\
#!/bin/sh
# The replicas that get requests from now on. It waits until each of them listens, and until no request is given out
# by the former list: for a moment after a reload nginx's former worker takes some yet, so it asks several times.
listen=$1
shift
give_up() {{{{ echo "$1" >&2; exit 1; }}}}
n=0
for socket in /tmp/nginx.pid $(for name; do echo {SOCKETS}/$name.sock; done); do
  until [ -e $socket ]; do
    n=$((n+1))
    [ $n -lt {{ready}} ] || give_up "$socket is not there"
    sleep 0.1
  done
done
{_LIST}nginx -e /dev/stderr -c /tmp/nginx.conf -s reload || exit 1
n=0
right=0
until [ $right -eq {{times}} ]; do
  right=$((right+1))
  [ "$(wget -q -O - http://$listen/replicas 2>/dev/null)" = "$*" ] || right=0
  n=$((n+1))
  [ $n -lt {{ready}} ] || give_up "nginx keeps its former list"
  sleep 0.05
done
"""

WEB_FILES: Mapping[str, tuple[int, bytes]] = {
    "/etc/web/balancer.conf": (0o644, BALANCER.encode()),
    "/etc/web/replica.conf": (0o644, REPLICA.encode()),
    "/bin/balancer": (
        0o755,
        _START.format(
            about="nginx before the replicas that are named behind the address on which it listens.",
            what="balancer",
            placeholder="listen",
            before="",
            after=f"shift\n{_LIST}",
        ).encode(),
    ),
    "/bin/relist": (0o755, _RELIST.format(ready=READY, times=AGREED).encode()),
    "/bin/replica": (
        0o755,
        _START.format(
            about="nginx on a socket of this name; one that a killed replica left is in its way.",
            what="replica",
            placeholder="name",
            before=f'rm -f "{SOCKETS}/$1.sock"\n',
            after="",
        ).encode(),
    ),
    "/srv/www/index.html": (0o644, PAGE),
    "/srv/www/slow": (0o644, SLOW),
    f"{NOTES}/first": (0o644, b"The first note, which came with the image.\n"),
}
"""Path to mode and content."""
