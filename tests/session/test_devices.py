"""Loop devices: found and detached by their backing files, and nobody else's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from voltutor import cleanup
from voltutor.engine import ContainerSpec, Engine, Mount
from voltutor.errors import VoltutorError
from voltutor.images import MIB
from voltutor.session import DeviceTrouble, DeviceVolume, Remove, RemoveVolume, Run, attached, detach
from voltutor.session.bench import Bench
from voltutor.session.devices import attach, device_of, format_ext4, unable

DISK = DeviceVolume("disk", "disk.img", 4 * MIB)
VAULT = Run("vault", "lab", (), (Mount("/vault", "disk"),))


@pytest.fixture(autouse=True)
def _able() -> None:
    if why := unable():
        pytest.skip(why)


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A loop device that is none of ours."""
    file = tmp_path / "theirs.img"
    format_ext4(file, MIB)
    device = attach(file)
    yield device, file
    assert device_of(file) == device, "it is as it was"
    detach(device)


def test_a_file_is_one_device_however_often_it_is_attached(tmp_path: Path, theirs: tuple[str, Path]) -> None:
    file = tmp_path / "with space" / "disk.img"
    format_ext4(file, MIB)
    device = attach(file)
    try:
        assert attach(file) == device
        assert attached(file.parent) == {device: file}
        assert attached(tmp_path) == {device: file, theirs[0]: theirs[1]}
        assert attached(tmp_path / "with") == {}
        file.unlink()
        assert attached(file.parent) == {device: file}, "its file has no name any longer, and was ours"
    finally:
        detach(device)
    assert attached(file.parent) == {}


def test_what_can_not_be_formatted_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "small.img"
    with pytest.raises(DeviceTrouble, match=r"mke2fs|mkfs"):
        format_ext4(file, 1024)
    assert not file.exists()


@pytest.mark.engine
def test_a_clean_up_takes_the_device_after_its_volume_and_no_other(
    bench: Bench, engine_url: str, voltutor: Callable[..., Any], theirs: tuple[str, Path]
) -> None:
    bench.do(DISK, VAULT)
    device = device_of(bench.files / "disk.img")
    assert device is not None
    assert DISK.done(bench)
    assert bench.exec("vault", "sh", "-c", "df -k /vault | tail -n 1").text.startswith(device)
    plan = cleanup.plan(cleanup.find(bench.engine, [bench.session]))
    assert [decision.thing.kind for decision in plan.remove][:3] == ["container", "volume", "device"]
    done = voltutor("clean", "--yes", "--engine", engine_url)
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"device {device}: removed" in done.stdout
    assert device_of(bench.files / "disk.img") is None
    assert theirs[0] not in done.stdout


@pytest.mark.engine
def test_a_device_under_a_volume_that_somebody_uses_is_kept(bench: Bench, engine: Engine) -> None:
    bench.do(DISK)
    mounts = (Mount("/v", bench.names("disk", "volume")),)
    for _sign in bench.prepare("lab"):
        pass
    user = engine.create_container(ContainerSpec("theirs", bench.image("lab"), mounts=mounts))
    try:
        plan = cleanup.plan(cleanup.find(engine, [bench.session]), by_hand=True)
        assert [decision.thing.kind for decision in plan.keep] == ["volume", "device"]
    finally:
        engine.remove_container(user, force=True)


@pytest.mark.engine
def test_a_device_under_a_volume_that_was_made_by_hand_goes_with_it_only(
    bench: Bench, docker: Callable[..., str]
) -> None:
    bench.files.mkdir(parents=True, exist_ok=True)
    docker(bench.line(DISK))
    scene = cleanup.find(bench.engine, [bench.session])
    assert [decision.thing.kind for decision in cleanup.plan(scene).keep] == ["volume", "device"]
    assert [decision.thing.kind for decision in cleanup.plan(scene, by_hand=True).remove] == [
        "volume",
        "device",
    ]


@pytest.mark.engine
def test_a_volume_whose_device_has_gone_is_named_and_its_file_stays(bench: Bench) -> None:
    bench.do(DISK)
    file = bench.files / "disk.img"
    device = device_of(file)
    assert device is not None
    detach(device)  # as after a restart of the machine
    with pytest.raises(VoltutorError, match="not on the device"):
        bench.do(DISK)
    assert file.exists()
    bench.do(RemoveVolume("disk"), DISK, VAULT)
    assert DISK.done(bench)
    DISK.undo(bench)
    assert DISK.done(bench), "what somebody has a volume on stays"
    bench.do(Remove("vault"), RemoveVolume("disk"))
    DISK.undo(bench)
    assert not file.exists()
    assert attached(bench.files) == {}


@pytest.mark.engine
def test_the_shown_lines_make_the_same(bench: Bench, docker: Callable[..., str]) -> None:
    bench.files.mkdir(parents=True, exist_ok=True)
    docker(bench.line(DISK))
    assert DISK.done(bench)
    assert subprocess.run(["blkid", "-o", "value", "-s", "TYPE", bench.files / "disk.img"],
                          capture_output=True, text=True, check=True).stdout == "ext4\n"  # fmt: skip
