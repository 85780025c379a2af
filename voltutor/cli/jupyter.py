"""The server's own process: `python -m voltutor.cli.jupyter DESCRIPTOR`, with the descriptor of a listening socket.

It reads nobody's configuration files, and its own code sees no proxy: JupyterLab does not even import where one is
named that it has no package for (`ALL_PROXY=socks5://…`). What it starts, terminals and kernels, sees the learner's
proxies again.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from traitlets.config import Config

from voltutor.cli.server import TOKEN, settings
from voltutor.home import home


def serve(descriptor: int) -> None:
    """Serve on this socket until told to stop."""
    proxies = {name: os.environ.pop(name) for name in list(os.environ) if name.lower().endswith("_proxy")}
    token = os.environ.pop(TOKEN)
    listening = socket.socket(fileno=descriptor)
    listening.set_inheritable(False)
    listening.setblocking(False)

    from jupyter_server.serverapp import ServerApp  # not before the proxies are out of sight

    class Own(ServerApp):
        """A server of this kit's settings alone."""

        @property
        def config_file_paths(self) -> list[str]:
            """No folder: not the machine's, nor the environment's, nor the user's."""
            return []

        def start(self) -> None:
            """Serve; everything is imported by now."""
            os.environ.update(proxies)
            super().start()

        # The port is ours already. Between looking for a free one and taking it, another server could take it.
        def _find_http_port(self) -> None:
            self.port = listening.getsockname()[1]

        def _bind_http_server_tcp(self) -> bool:
            self.http_server.add_socket(listening)
            return True

    own: dict[str, dict[str, Any]] = {**settings(home()), "IdentityProvider": {"token": token}}
    Own.launch_instance(argv=[], config=Config(own))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
