"""The command line: one sentence on what is wrong, one on what to do, and exit codes that mean something."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from tests.dockerd import can_start, dockerd, formatted
from voltutor.cli import main
from voltutor.engine import Engine
from voltutor.images import LAB_IMAGES, MIB
from voltutor.results import Result, load
from voltutor.session import PROBES, Bench, Progress, Session

Command = Callable[..., Any]


@pytest.mark.parametrize(
    "words",
    [
        ("doctor",),
        ("lab", "--no-browser"),
        ("run", "--out", "x"),
        ("measure",),
        ("clean",),
        ("images", "list"),
    ],
    ids=lambda words: words[0],
)
def test_without_an_engine_it_is_said_in_a_sentence_with_what_mends_it(
    voltutor: Command, words: tuple[str, ...], tmp_path: Path
) -> None:
    done = voltutor(*words, "--engine", f"unix://{tmp_path}/none.sock", cwd=tmp_path)
    assert done.returncode == 3
    assert "no socket there" in done.stderr
    assert "https://docs.docker.com" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"LC_ALL": "zh_CN.UTF-8"}, "没有"),
        ({"VOLTUTOR_LANGUAGE": "zh", "LC_ALL": "C"}, "没有"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "no socket there"),
    ],
    ids=str,
)
def test_every_command_speaks_the_language_that_the_variables_choose(
    voltutor: Command, tmp_path: Path, env: dict[str, str], said: str
) -> None:
    done = voltutor("images", "list", "--engine", f"unix://{tmp_path}/none.sock", env=env)
    assert done.returncode == 3
    assert said in done.stderr


def test_a_language_without_texts_is_refused_where_it_was_asked_for(voltutor: Command) -> None:
    done = voltutor("fio", input="", env={"VOLTUTOR_LANGUAGE": "tlh"})
    assert done.returncode == 2
    assert "tlh" in done.stderr
    assert "en, zh" in done.stderr
    spoken = voltutor("lab", "--language", "tlh", env={"VOLTUTOR_LANGUAGE": "en"})
    assert spoken.returncode == 2


def test_doctor_as_json_is_one_document_with_every_refusal(voltutor: Command, tmp_path: Path) -> None:
    done = voltutor("doctor", "--json", "--engine", f"unix://{tmp_path}/none.sock")
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert report["engines"] == []
    assert report["refused"][0]["why"] == "NO_SOCKET"
    assert report["refused"][0]["mend"]


@pytest.mark.engine
def test_doctor_tells_what_the_engine_is_and_can_do(
    voltutor: Command, engine_url: str, engine: Engine
) -> None:
    report = json.loads(voltutor("doctor", "--json", "--engine", engine_url).stdout)
    (found,) = report["engines"]
    assert found["version"] == engine.info.version
    assert found["driver"]
    assert found["kernel"]
    tried = {one["name"]: one for one in report["capabilities"]}
    assert set(tried) == set(PROBES)
    assert all(one["available"] is not None and one["why"] for one in tried.values())
    assert report["labs"][0]["works"]
    text = voltutor("doctor", "--engine", engine_url)
    assert text.returncode == 0
    assert found["title"] in text.stdout


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("measure", "nonsense"), "first-write"),
        (("measure", "--places", "layer"), "layer,volume"),
        (("measure", "--places", "layer,nowhere"), "layer, volume"),
        (("measure", "--budget", "-1"), "--budget 60"),
        (("measure", "--plot", "x.jpg"), "suffix"),
        (("run", "nonsense"), "01-copy-on-write"),
        (("clean", "--session", "zzzz"), "no session"),
    ],
    ids=" ".join,
)
@pytest.mark.engine
def test_wrong_usage_says_what_would_be_right(
    voltutor: Command, engine_url: str, words: tuple[str, ...], part: str, tmp_path: Path
) -> None:
    done = voltutor(*words, "--engine", engine_url, cwd=tmp_path)
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


def test_fio_reads_stdin_and_refuses_what_is_not_fio(voltutor: Command, tmp_path: Path) -> None:
    write = {"total_ios": 1, "iops": 5, "bw_bytes": 9}
    text = json.dumps({"fio version": "fio-3.33", "jobs": [{"jobname": "j", "write": write}]})
    done = voltutor("fio", input=text)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "fio 3.33")
    assert "| j   | write     | 5.00 |" in done.stdout
    (run,) = json.loads(voltutor("fio", "--json", input=text).stdout)["runs"]
    assert run["jobs"][0]["directions"]["write"]["ios"] == 1
    assert voltutor("fio", input="hello").returncode == 1
    missing = voltutor("fio", str(tmp_path / "none"))
    assert (missing.returncode, "Traceback" in missing.stderr) == (2, False)


@pytest.mark.engine
def test_measure_writes_results_and_plots(
    voltutor: Command, engine_url: str, tmp_path: Path, bench: Bench
) -> None:
    out, plot = tmp_path / "r.json", tmp_path / "r.png"
    words = ("measure", "first-write", "random-write", "--places", "layer,volume", "--budget", "2")
    done = voltutor(*words, "--out", str(out), "--plot", str(plot), "--engine", engine_url)
    assert done.returncode == 0, done.stderr
    first, random = load(out)
    assert (first.workload, random.workload) == ("first-write", "random-write")
    assert first.pairs
    assert random.pairs
    assert first.origin == "live"
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "r-first-write.png").exists()
    assert "first-write 256 MiB, layer / volume" in done.stdout


def built(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """The keys of what `images build` has made."""
    made: list[str] = []

    class FakeBench:
        engine = SimpleNamespace(image=lambda _tag: None)

        def __init__(self, _engine: object) -> None: ...

        def image(self, key: str) -> str:
            return f"{LAB_IMAGES[key].repository}:1"

        def has_image(self, key: str) -> bool:
            return key == "seed"

        def prepare(self, *keys: str) -> list[Progress]:
            made.extend(keys)
            return []

    monkeypatch.setattr("voltutor.cli.images.Bench", FakeBench)
    monkeypatch.setattr("voltutor.cli.images.find", lambda _url: None)
    assert main(["images", "build", *words]) == 0
    return made


def test_just_the_images_that_are_named_are_built(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert built(monkeypatch, "tree") == ["tree"]
    assert built(monkeypatch, "tree", "voltutor/store", "voltutor/web:0123456789ab") == [
        "tree",
        "store",
        "web",
    ]
    assert built(monkeypatch) == ["lab", "files"]
    capsys.readouterr()
    assert built(monkeypatch, "--all") == list(LAB_IMAGES)
    size = sum(image.data_bytes for key, image in LAB_IMAGES.items() if key != "seed") // MIB
    assert f"{size} MiB" in capsys.readouterr().out.splitlines()[0], "told before it is made"


def test_all_images_and_some_of_them_are_not_asked_for_at_once(voltutor: Command) -> None:
    refused = voltutor("images", "build", "--all", "lab")
    assert refused.returncode == 2
    assert "--all" in refused.stderr


@pytest.mark.engine
def test_images_are_listed_and_built(voltutor: Command, engine_url: str, bench: Bench) -> None:
    before = bench.has_image("redis")
    unknown = voltutor("images", "build", "redis", "nonsense", "--engine", engine_url)
    assert unknown.returncode == 2
    assert "seed-small" in unknown.stderr
    assert bench.has_image("redis") == before, "none is made where one is unknown"
    assert voltutor("images", "build", "--engine", engine_url).returncode == 0
    listed = voltutor("images", "list", "--engine", engine_url).stdout
    assert bench.image("lab") in listed
    assert "seed-large" in listed
    assert "not there" in listed


def run_and_look(voltutor: Command, url: str, engine: Engine, home: Path, out: Path) -> tuple[str, Result]:
    """Run the lab; the page and the result, after seeing that nothing was left."""

    def there() -> tuple[list[str], ...]:
        tags = sorted(tag for image in engine.images() for tag in image.tags)
        return sorted(engine.containers()), sorted(volume.name for volume in engine.volumes()), tags

    before = there()
    done = voltutor("run", "labs/01-copy-on-write.ipynb", "--out", str(out), "--engine", url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert there() == before
    assert Session.all(home) == []
    assert not (home / "progress.json").exists(), "a run is not the learner's progress"
    notebook = nbformat.read(out / "01-copy-on-write.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum(output.output_type == "execute_result" for output in outputs) == 8
    page = (out / "01-copy-on-write.html").read_text()
    assert len(re.findall(r'<section [^>]*data-verdict="passed"', page)) == 7
    (result,) = load(out / "first-write.json")
    assert result.answers  # on a busy machine the time may be up before the last pair that was planned
    assert result.growth("volume", 16 * MIB, 256 * MIB).median < 4, "no growth in the volume"
    for name in ("first-write-growth.png", "first-write-ratios.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    return page, result


@pytest.mark.engine
def test_a_run_plays_the_lab_and_leaves_nothing(
    voltutor: Command, engine_url: str, engine: Engine, home: Path, tmp_path: Path
) -> None:
    page, result = run_and_look(voltutor, engine_url, engine, home, tmp_path / "out")
    if result.circumstances["reflink"]:
        assert "clones" in page
    else:
        assert result.growth("layer", MIB, 256 * MIB).median >= 8
        assert "clones" not in page.split("What happened")[-2]


@pytest.mark.engine
def test_a_run_on_a_file_system_that_clones_tells_of_the_clone(
    voltutor: Command, home: Path, tmp_path: Path
) -> None:
    if not can_start() or shutil.which("mkfs.xfs") is None:
        pytest.skip("needs root, dockerd and mkfs.xfs")
    folder = Path(tempfile.mkdtemp(prefix="vt-", dir="/var/tmp"))
    with formatted(folder, "xfs", 8) as data, dockerd(folder / "d", data) as started:
        page, result = run_and_look(voltutor, started.url, started.engine(), home, tmp_path / "out")
    shutil.rmtree(folder, ignore_errors=True)
    assert result.circumstances["reflink"] is True
    assert result.circumstances["backing_file_system"] == "xfs"
    assert result.growth("layer", 16 * MIB, 256 * MIB).median < 4
    assert "This file system clones" in page


def test_a_report_writes_over_reports_only(voltutor: Command, tmp_path: Path) -> None:
    data = str(next((Path(__file__).parents[2] / "data").glob("*.json")))
    theirs = tmp_path / "thesis.html"
    theirs.write_text("<p>300 pages</p>")
    refused = voltutor("report", data, "--html", str(theirs))
    assert refused.returncode == 2
    assert "is no report" in refused.stderr
    assert theirs.read_text() == "<p>300 pages</p>"
    page = tmp_path / "report.html"
    for _again in range(2):
        assert voltutor("report", data, "--html", str(page)).returncode == 0
    assert 'content="voltutor"' in page.read_text()


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
"""In a mount namespace: a folder that nobody can write to, root neither; then a command."""


@pytest.mark.parametrize("inside", ["", "/not-there"], ids=["there", "to be made"])
@pytest.mark.engine
def test_doctor_looks_and_tells_where_the_home_can_t_be_written(
    engine_url: str, home: Path, inside: str
) -> None:
    namespace = [
        "unshare",
        "--mount",
        *([] if os.geteuid() == 0 else ["--map-root-user"]),
        "sh",
        "-c",
        READ_ONLY,
    ]
    if subprocess.run([*namespace, "sh", str(home), "true"], capture_output=True).returncode:
        pytest.skip("needs a mount namespace")
    command = [*namespace, "sh", str(home), sys.executable, "-m", "voltutor", "doctor", "--json"]
    env = {**os.environ, "VOLTUTOR_HOME": f"{home}{inside}"}
    done = subprocess.run([*command, "--engine", engine_url], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["engines"]
    assert f"{home}{inside} can't be written: Read-only file system" in report["home_trouble"]
    assert not any(lab["works"] for lab in report["labs"])
    # This home's own engine needs the home too, which is a reason and no traceback.
    alone = subprocess.run([*command, "--engine", "embedded"], env=env, capture_output=True, text=True)
    assert alone.returncode == 3
    assert "can't be written: Read-only file system" in json.loads(alone.stdout)["home_trouble"]
    assert "Traceback" not in alone.stderr
