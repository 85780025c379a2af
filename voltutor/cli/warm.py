"""Execute a notebook in the server's own session before anybody opens it: its cards are then live at once."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat.sign import NotebookNotary

from voltutor.errors import VoltutorError
from voltutor.text import _

READY_LIMIT = 60
CELL_LIMIT = 120
"""Seconds that the kernel, and each cell, may take."""


def warm(
    base: str, token: str, path: Path, shipped: Path, data: Path, runtime: Path, within: str = ""
) -> None:
    """Start the notebook's session on the server, run its cells there, write the outputs, and sign it, since
    JupyterLab shows no HTML of a notebook that it doesn't trust.

    `within` is the notebook's path as the server names it, where that is not its bare name. Only cells that
    the notebooks in `shipped` have are run: what a learner added is theirs to run.

    Raises:
        VoltutorError: the kernel did not start.
    """
    body = {"path": within or path.name, "type": "notebook", "name": path.name, "kernel": {"name": "python3"}}
    session = _post(f"{base}/api/sessions?token={token}", body)
    kernel = session["kernel"]["id"]
    connection = runtime / f"kernel-{kernel}.json"
    until = time.monotonic() + READY_LIMIT
    while not connection.exists() and time.monotonic() < until:
        time.sleep(0.05)
    client = BlockingKernelClient()
    try:
        client.load_connection_file(str(connection))
        client.start_channels()
        client.wait_for_ready(timeout=READY_LIMIT)
    except (RuntimeError, OSError) as error:
        raise VoltutorError(
            _("The notebook's kernel did not start: {detail}."), _("Run `voltutor lab` again."), detail=error
        ) from error
    notebook = nbformat.read(path, as_version=4)
    ours = _sources(shipped)
    try:
        for cell in (cell for cell in notebook.cells if cell.cell_type == "code" and cell.source in ours):
            _execute(client, cell)
    except TimeoutError:
        # It opens all the same; its cells can be run there.
        _post(f"{base}/api/kernels/{kernel}/interrupt?token={token}", {})
    finally:
        client.stop_channels()
    nbformat.write(notebook, path)
    notary = NotebookNotary(data_dir=str(data))
    notary.sign(notebook)


def _sources(shipped: Path) -> set[str]:
    """The code cells of all notebooks that we ship."""
    notebooks = (nbformat.read(path, as_version=4) for path in shipped.glob("*.ipynb"))
    return {cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "code"}


def _execute(client: BlockingKernelClient, cell: Any) -> None:
    outputs: list[Any] = []

    def keep(message: dict[str, Any]) -> None:
        if message["header"]["msg_type"] in ("execute_result", "display_data", "stream", "error"):
            outputs.append(nbformat.v4.output_from_msg(message))

    reply = client.execute_interactive(cell.source, allow_stdin=False, output_hook=keep, timeout=CELL_LIMIT)
    cell.outputs, cell.execution_count = outputs, reply["content"].get("execution_count")


def get(url: str, timeout: float = READY_LIMIT) -> Any:
    """What our server answers, as JSON."""
    return _ask(urllib.request.Request(url), timeout)  # noqa: S310 - our own http URL


def _post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    data = json.dumps(body).encode()
    return _ask(urllib.request.Request(url, data, headers, method="POST"), READY_LIMIT)  # noqa: S310 - our own


def _ask(request: urllib.request.Request, timeout: float) -> Any:
    # Past any proxy: it could not reach this machine's own port, and must not see the token.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as answer:
        text = answer.read()
    return json.loads(text) if text else None
