"""The notebooks: readable without running, in step with the declarations, and committed without outputs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from voltutor.labs import LABS

LABS_FOLDER = Path(__file__).parents[2] / "labs"
NOTEBOOKS = sorted(LABS_FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_a_card_for_every_step_with_its_text_above(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    lab = LABS[path.stem]
    cells = notebook.cells
    shown = [
        (match[1], cells[index - 1])
        for index, cell in enumerate(cells)
        if cell.cell_type == "code" and (match := re.fullmatch(r'lab\.step\("([\w-]+)"\)', cell.source))
    ]
    assert [step for step, _above in shown] == [step.id for step in lab.steps]
    for step, above in shown:
        assert above.cell_type == "markdown"
        assert len(above.source.split()) >= 100, f"{step} has too little text"
    assert f'open_lab("{lab.id}")' in "".join(cell.source for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_names_its_kernel(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_every_lab_has_its_notebook() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(LABS)
