"""Execute a notebook in the server's own session before anybody opens it: its cards are then live at once."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat.sign import NotebookNotary

from voltutor.cli.surroundings import KERNEL
from voltutor.errors import VoltutorError
from voltutor.home import write_atomically
from voltutor.notices import telling
from voltutor.text import _

CELL_LIMIT = 120
"""Seconds that each cell may take; one that takes longer is left to the learner."""

ANSWER_LIMIT = 1.0
"""Seconds that a kernel has for one answer, after which the server is asked whether it lives."""

_AGAIN = _("Run `voltutor lab` again.")

STATE_LIMIT = 60.0
"""Seconds that the server may take to say how a kernel fares."""


def warm(
    base: str, token: str, path: Path, shipped: Path, data: Path, runtime: Path, within: str = ""
) -> None:
    """Start the notebook's session on the server, run its cells there, write the outputs, and sign it, since
    JupyterLab shows no HTML of a notebook that it doesn't trust.

    `within` is the notebook's path as the server names it, where that is not its bare name. Only cells that
    the notebooks in `shipped` have are run: what a learner added is theirs to run.

    Raises:
        VoltutorError: the kernel ended instead of starting; one that is only slow is waited for.
    """
    body = {"path": within or path.name, "type": "notebook", "name": path.name, "kernel": {"name": KERNEL}}
    with telling(_("The notebook's kernel is starting; {n} s so far.")):
        try:
            kernel = _post(f"{base}/api/sessions?token={token}", body)["kernel"]["id"]
            client = _client(runtime / f"kernel-{kernel}.json")
        except (OSError, ValueError) as error:
            raise _not_started(error) from error
        _await(client, lambda: get(f"{base}/api/kernels/{kernel}?token={token}", STATE_LIMIT))
    notebook = nbformat.read(path, as_version=4)
    ours = _sources(shipped)
    try:
        with telling(_("The notebook's cards are being made; {n} s so far.")):
            for cell in (cell for cell in notebook.cells if cell.cell_type == "code" and cell.source in ours):
                _execute(client, cell)
    except TimeoutError:
        # It opens all the same; its cells can be run there.
        with contextlib.suppress(OSError, ValueError):
            _post(f"{base}/api/kernels/{kernel}/interrupt?token={token}", {})
    finally:
        client.stop_channels()
    write_atomically(path, nbformat.writes(notebook) + "\n", private=False)
    notary = NotebookNotary(data_dir=str(data))
    notary.sign(notebook)


def _client(connection: Path) -> BlockingKernelClient:
    """A connection to a kernel that may not have begun to listen."""
    client = BlockingKernelClient()
    client.load_connection_file(str(connection))
    client.start_channels(stdin=False, hb=False)
    return client


def _await(client: BlockingKernelClient, state: Callable[[], object]) -> None:
    """Return when the kernel answers and what it publishes arrives. `state` asks the server for it, and fails where
    the kernel has gone. jupyter_client's own wait_for_ready takes a kernel that is silent for a second for dead
    where the client has not started it.

    Raises:
        VoltutorError: the kernel has ended.
    """
    while True:
        # Asked anew each time: a kernel that was started again knows of no earlier question.
        client.kernel_info()
        try:
            client.get_shell_msg(timeout=ANSWER_LIMIT)
            client.get_iopub_msg(timeout=ANSWER_LIMIT)
        except Empty:
            try:
                state()
            except TimeoutError:
                continue
            except OSError as error:
                client.stop_channels()
                if isinstance(error, urllib.error.HTTPError):  # the server gave it up, after several tries
                    what = _("The notebook's kernel ended instead of starting.")
                    raise VoltutorError(what, _AGAIN) from error
                raise _not_started(error) from error
        else:
            return


def _not_started(error: Exception) -> VoltutorError:
    return VoltutorError(_("The notebook's kernel did not start: {detail}."), _AGAIN, detail=error)


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


def get(url: str, timeout: float) -> Any:
    """What our server answers, as JSON.

    Raises:
        TimeoutError: it does not within so many seconds.
        OSError: it can't be reached, or refuses.
        ValueError: what answers is no server of ours.
    """
    return _ask(urllib.request.Request(url), timeout)  # noqa: S310 - our own http URL


def _post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    data = json.dumps(body).encode()
    # However long: where the server ends, its connection does.
    return _ask(urllib.request.Request(url, data, headers, method="POST"), None)  # noqa: S310 - our own


def _ask(request: urllib.request.Request, timeout: float | None) -> Any:
    # Past any proxy: it could not reach this machine's own port, and must not see the token.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            text = answer.read()
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):  # before the request was sent; after, it comes as it is
            raise error.reason from error
        raise
    except http.client.HTTPException as error:  # another program's port
        raise ValueError(str(error)) from error
    return json.loads(text) if text else None
