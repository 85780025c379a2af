"""The lab image is the same bytes whenever it is made, holds what it needs, and its seeds have no holes."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from voltutor.images import (
    DATA,
    LAB_IMAGES,
    MIB,
    TREE_FILES,
    LabImage,
    Layer,
    MissingPrograms,
    Programs,
    Recipe,
    SeedFile,
    archive,
    dockerfile,
    extended,
    lab,
    locate,
    seed_path,
    tree_path,
)
from voltutor.images.programs import NGINX, REDIS
from voltutor.images.recipe import Entry


def located(home: Path, more: tuple[str, ...] = ()) -> Programs:
    try:
        return locate(platform.machine(), home, more)
    except MissingPrograms as missing:
        pytest.skip(str(missing))


@pytest.fixture
def recipe(home: Path) -> Recipe:
    return lab(located(home), platform.machine())


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: file.read() for m in tar if (file := tar.extractfile(m))}


def test_the_same_recipe_gives_the_same_archive(recipe: Recipe) -> None:
    one, two = b"".join(archive([recipe])), b"".join(archive([recipe]))
    assert hashlib.sha256(one).digest() == hashlib.sha256(two).digest()


def test_the_archive_is_what_docker_load_reads(recipe: Recipe) -> None:
    files = members(b"".join(archive([recipe])))
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == [recipe.tag]
    config = json.loads(files[entry["Config"]])
    digests = [f"sha256:{hashlib.sha256(files[name]).hexdigest()}" for name in entry["Layers"]]
    assert config["rootfs"]["diff_ids"] == digests
    assert len(config["history"]) == len(digests) == 3


def test_the_lab_image_has_a_shell_fio_and_users(recipe: Recipe) -> None:
    files = members(b"".join(archive([recipe])))
    names: dict[str, tarfile.TarInfo] = {}
    for name, data in files.items():
        if name.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                names |= {member.name: member for member in layer}
    assert {"bin/busybox", "bin/sh", "bin/stay", "usr/bin/fio", "usr/bin/cp", "etc/passwd"} <= set(names)
    assert names["bin/sh"].linkname == "busybox"
    assert names["bin/busybox"].isreg(), "busybox lists itself, and must not become a link to itself"
    assert {member.uid for member in names.values()} == {0}
    assert names["tmp"].mode == 0o1777
    for name in names:
        assert name.count("/") == 0 or name.rpartition("/")[0] in names, f"{name} lies in no folder"


def test_images_that_share_layers_carry_them_once(recipe: Recipe, home: Path) -> None:
    with_seeds = extended(recipe, LabImage("voltutor/test", {1: 2}), located(home))
    files = members(b"".join(archive([recipe, with_seeds])))
    assert sum(name.endswith(".tar") for name in files) == 4
    assert with_seeds.data_bytes == 2 * MIB
    assert len(json.loads(files["manifest.json"])) == 2


def test_trees_redis_and_its_log_are_layers_of_their_own(home: Path, tmp_path: Path) -> None:
    programs = located(home, REDIS)
    base = lab(programs, platform.machine())
    image = extended(base, LabImage("voltutor/test", trees=1, programs=REDIS, log=2), programs)
    tool, tree, log = image.layers[len(base.layers) :]
    assert "/usr/bin/redis-server" in [entry.path for entry in tool.entries]
    small = [entry for entry in tree.entries if entry.content is not None]
    assert len(small) == TREE_FILES
    assert small[0].path == f"{tree_path(1)}/0000"
    assert {entry.size for entry in small} == {4096}
    assert len({b"".join(entry.chunks()) for entry in small[:100]}) == 100
    (appended,) = [entry for entry in log.entries if entry.path.endswith(".incr.aof")]
    data = b"".join(appended.chunks())
    assert len(data) == appended.size
    assert data.startswith(b"*3\r\n$3\r\nSET\r\n$10\r\nkey:000000\r\n$65536\r\n")
    assert image.data_bytes == appended.size + TREE_FILES * 4096


def test_a_web_image_declares_how_it_is_stopped(home: Path) -> None:
    programs = located(home, NGINX)
    base = lab(programs, platform.machine())
    web = extended(base, LAB_IMAGES["web"], programs)
    assert "/usr/bin/nginx" in [entry.path for entry in web.layers[-2].entries]
    assert "/srv/www/index.html" in [entry.path for entry in web.layers[-1].entries]
    assert json.loads(web.config([]))["config"]["StopSignal"] == "SIGQUIT"
    assert "StopSignal" not in json.loads(base.config([]))["config"]
    assert "Volumes" not in json.loads(web.config([]))["config"]
    assert web.hash != base.hash


def test_a_store_image_declares_where_its_data_belong_and_what_it_runs(home: Path) -> None:
    programs = located(home, REDIS)
    base = lab(programs, platform.machine())
    store = extended(base, LAB_IMAGES["store"], programs)
    config = json.loads(store.config([]))["config"]
    assert config["Volumes"] == {DATA: {}}
    assert config["Cmd"] == ["store"]
    assert DATA in [entry.path for entry in store.layers[-1].entries]
    assert "VOLUME /data" in dockerfile(LAB_IMAGES["store"])
    assert store.hash != base.hash


def test_every_lab_image_can_be_built_from_a_dockerfile() -> None:
    for image in LAB_IMAGES.values():
        text = dockerfile(image)
        assert ("redis" in text) == (image.programs == REDIS)
        assert ("/tree/4" in text) == (image.trees == 4)
        assert ("incr.aof" in text) == bool(image.log)


def test_another_content_is_another_name(recipe: Recipe) -> None:
    other = Recipe(
        recipe.repository, (*recipe.layers, Layer("x", (Entry("/x", 0o644, b"x"),))), recipe.architecture
    )
    assert other.tag != recipe.tag
    assert other.named("mine:1").hash == other.hash
    assert other.named("mine:1").tag == "mine:1"


def test_seeds_are_random_without_holes_and_always_the_same() -> None:
    seed = SeedFile(2 * MIB, 1)
    data = b"".join(seed.chunks())
    assert len(data) == 2 * MIB
    assert data == b"".join(SeedFile(2 * MIB, 1).chunks())
    assert data != b"".join(SeedFile(2 * MIB, 2).chunks())
    # The value fixes the generator: an image made by another numpy must be the same image.
    assert hashlib.sha256(data).hexdigest()[:16] == "378fb8d343e2bbf4"
    blocks = {data[at : at + 4096] for at in range(0, len(data), 4096)}
    assert len(blocks) == len(data) // 4096
    assert bytes(4096) not in blocks


def test_a_program_that_the_engine_could_not_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPrograms, match="not found"):
        locate("x86_64", tmp_path)
    script = tmp_path / "busybox"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    with pytest.raises(MissingPrograms, match="ELF"):
        locate("x86_64", tmp_path)
    script.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xf3\x00" + bytes(40))
    with pytest.raises(MissingPrograms, match="architecture"):
        locate("x86_64", tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs programs of Linux")
@pytest.mark.parametrize("hangs", ["", "ldd", "busybox"])
def test_a_program_that_fails_or_hangs_is_a_sentence(
    hangs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("busybox", "fio", "cp"):
        path = tmp_path / "programs" / "root" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(sys.executable)  # which fails with --list
    run = subprocess.run

    def hang(command: list[str | Path], **options: object) -> object:
        if hangs and (command[0] == "ldd") == (hangs == "ldd"):
            raise subprocess.TimeoutExpired(command, 1)
        return run(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(MissingPrograms, match="can't be run"):
        locate(platform.machine(), tmp_path)


def test_without_programs_a_dockerfile_makes_the_same_files() -> None:
    text = dockerfile(LabImage("voltutor/test", {16: 2}))
    assert text.startswith("FROM ")
    assert seed_path(16, 2) in text
    assert "apk add" in text
    assert '["stay"]' in text
    assert "'" not in text.split("printf '%b' '")[1].split("' > /bin/stay")[0]
