"""Every cell of every notebook, run twice and out of order in one kernel: no error, and nothing made twice."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tests.own_engine import Embedded
from voltutor.engine import find

NOTEBOOKS = sorted((Path(__file__).parents[2] / "labs").glob("*.ipynb"))
ONCE = """
from voltutor.widgets.notebook import _views
for view in _views.values():
    for id, card in view._cards.items():
        assert view.step(id) is card, id
        assert card.controller.act("check").wait(60), id
print("once", sum(len(view._cards) for view in _views.values()))
"""


def test_cells_run_twice_out_of_order_and_after_a_restart_make_nothing_twice(
    own: Embedded, home: Path
) -> None:
    cells = []
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        opening, *rest = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        # Each lab's name is `lab`, so the opening comes before its own.
        cells += [opening, *reversed(rest), *rest, opening]
    env = {**os.environ, "VOLTUTOR_HOME": str(home), "VOLTUTOR_ENGINE": own.url}
    counts = []
    for _kernel in range(2):
        whole = new_notebook(cells=[new_code_cell(source) for source in [*cells, ONCE]])
        NotebookClient(whole, kernel_name="python3", timeout=120).execute(env=env)
        (said,) = [output.text for output in whole.cells[-1].outputs if output.output_type == "stream"]
        counts.append(said)
    assert counts[0] == counts[1]
    engine = find(own.url, {})
    assert engine.containers() == [], "looking at cards makes nothing"
    assert [volume.name for volume in engine.volumes()] == []
    assert len(list((home / "sessions").glob("*/session.json"))) == 1
