"""The bench: one learner's workplace, with an engine, a session and its names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from voltutor import images
from voltutor.engine import (
    Conflict,
    ContainerSpec,
    ContainerView,
    Engine,
    ExecResult,
    ImageView,
    Mount,
    NotFound,
    VolumeView,
)
from voltutor.errors import UsageError, VoltutorError
from voltutor.home import home as default_home
from voltutor.results import Result, load
from voltutor.session.capabilities import Capability, probe
from voltutor.session.commands import Bind, Command, Progress, Run
from voltutor.session.journal import Kind, Reservation
from voltutor.session.names import PROCESS, Names, NameTaken
from voltutor.session.ownership import anonymous_volumes, labelled
from voltutor.session.session import Session
from voltutor.text import _, tr

LOOK = ("env", "VOLTUTOR=look")
"""What the command of a look begins with; an engine's events quote it."""

SAID_LINES = 8
"""Lines of a program's message that a learner is shown."""


class CommandFailed(VoltutorError):
    """A program in a container failed; its own message is the text."""

    def __init__(self, argv: Sequence[str], result: ExecResult) -> None:
        self.result = result
        super().__init__(
            _("`{program}` failed with exit code {code}: {message}"),
            "",
            program=argv[0],
            code=result.code,
            message=_said(result) or tr(_("it said nothing")),
        )


def _said(result: ExecResult) -> str:
    """What a program said, without the JSON that fio prints around it."""
    lines = result.message.partition("\n{")[0].strip().splitlines()
    return "\n".join(lines[:SAID_LINES])


@dataclass(frozen=True)
class _Built:
    """A lab image that the engine builds from a Dockerfile, for a machine without the programs."""

    repository: str
    dockerfile: str
    data_bytes: int
    programs: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.dockerfile.encode()).hexdigest()


def _alive(step: str) -> bool:
    """Whether the process that a reservation's step names still runs, or another one with its number."""
    try:
        os.kill(int(step.removeprefix(PROCESS)), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


class Bench:
    """Everything that a lab does goes through here, so that everything is reserved, labelled, journalled."""

    def __init__(self, engine: Engine, home: Path | None = None) -> None:
        self.engine = engine
        self.home = home or default_home()
        self.session = Session.open(self.home, engine)
        self.session.hold()
        self.names = Names(engine, self.session.journal, self.session.id)
        self._sources: dict[str, images.Recipe | _Built] = {}
        self._capabilities: dict[str, Capability] = {}
        self._left: set[str] = set()

    def capability(self, name: str) -> Capability:
        """Whether the engine can do something, such as `reflink`; tried once, then remembered."""
        if name not in self._capabilities:
            self._capabilities[name] = probe(self, name)
        return self._capabilities[name]

    # images

    def source(self, key: str) -> images.Recipe | _Built:
        """What a lab image is made from: this machine's programs, or a Dockerfile where they are missing."""
        if key not in images.LAB_IMAGES:
            raise UsageError(_("There is no lab image {key!r}."), _("Take one of: {keys}."), key=key,
                             keys=", ".join(images.LAB_IMAGES))  # fmt: skip
        if key not in self._sources:
            wanted = images.LAB_IMAGES[key]
            try:
                arch = self.engine.info.architecture
                programs = images.locate(arch, self.home, wanted.programs)
                self._sources[key] = images.extended(images.lab(programs, arch), wanted, programs)
            except images.MissingPrograms:
                built = images.dockerfile(wanted)
                self._sources[key] = _Built(wanted.repository, built, wanted.data_bytes, wanted.programs)
        return self._sources[key]

    def image(self, key: str) -> str:
        """The name of a lab image on this engine, whether or not it is there yet; or, behind an "=", of one that
        the session makes."""
        if key.startswith("="):
            return self.names(key[1:], "image")
        source = self.source(key)
        for length in (12, 24, 64):
            tag = f"{source.repository}:{source.hash[:length]}"
            there = self.engine.image(tag)
            # A foreign image under our name stays as it is; a longer piece of the hash is another name.
            if there is None or there.labels.get(images.RECIPE_LABEL) == source.hash:
                return tag
        raise NameTaken("image", f"{source.repository}:{source.hash}")

    def has_image(self, key: str) -> bool:
        """Whether it is on the engine."""
        return self.engine.image(self.image(key)) is not None

    def prepare(self, *keys: str) -> Iterator[Progress]:
        """Make lab images; those that are there cost one look each.

        Raises:
            MissingPrograms: they can be neither assembled here nor built by the engine.
        """
        wanted = {key: self.image(key) for key in keys}
        there = {key: self.engine.image(tag) for key, tag in wanted.items()}
        for key, image in there.items():
            if image:
                self._adopt(wanted[key], image)
        missing = {key: tag for key, tag in wanted.items() if there[key] is None}
        recipes: list[images.Recipe] = []
        for key, tag in missing.items():
            source = self.source(key)
            self.session.journal.reserve(Reservation("image", tag, tag))
            if isinstance(source, images.Recipe):
                size = source.data_bytes // images.MIB
                if size:
                    yield Progress(
                        tr(_("Making {tag}: {size} MiB of random files on the engine."), tag=tag, size=size)
                    )
                recipes.append(source.named(tag))
            else:
                yield from self._build(source, tag)
        for tag in missing.values():
            self.session.journal.asked("image", tag)
        if recipes:
            for _tick in self.engine.load(images.archive(recipes)):
                yield Progress()
        for tag in missing.values():
            if made := self.engine.image(tag):
                self.session.journal.made("image", tag, made.id)

    def _adopt(self, tag: str, image: ImageView) -> None:
        """Note an image that we had asked for when a kernel died, before it could be noted."""
        state = self.session.journal.state()
        ours = image.labels.get(images.RECIPE_LABEL, "").startswith(tag.partition(":")[2])
        if state.awaited("image", tag) and ("image", tag) not in state.made and ours:
            self.session.journal.made("image", tag, image.id)

    def _build(self, source: _Built, tag: str) -> Iterator[Progress]:
        base = source.dockerfile.split()[1]
        pulls = self.engine.image(base) is None
        try:
            for line in self.engine.build(source.dockerfile, tag, {images.RECIPE_LABEL: source.hash}):
                yield Progress(line)
            if pulls and (pulled := self.engine.image(base)):
                self.session.journal.made("image", base, pulled.id)
        except VoltutorError as error:
            # No registry answers either: what to do then is to get the programs.
            try:
                images.locate(self.engine.info.architecture, self.home, source.programs)
            except images.MissingPrograms as missing:
                raise missing from error
            raise

    # containers

    @property
    def files(self) -> Path:
        """Where files and folders lie that are mounted from the host."""
        return self.session.folder / "files"

    @property
    def number(self) -> int:
        """A number of this session's own, from 16 to 215: what a step's files say differs from learner to learner."""
        return 16 + int(self.session.id, 16) % 200

    def mount(self, mount: Mount | Bind) -> Mount:
        """A mount with its logical source turned into this session's name for it, or its path."""
        if isinstance(mount, Bind):
            return Mount(mount.target, str(self.files / mount.file), mount.mode, strict=mount.strict)
        logical = mount.source and not mount.raw
        return replace(mount, source=self.names(mount.source, "volume")) if logical else mount

    def sharer(self, ref: str) -> str:
        """What stands behind --volumes-from: this session's name of a container, with its mode."""
        logical, colon, mode = ref.partition(":")
        return f"{self.names(logical)}{colon}{mode}"

    def run(self, command: Run) -> str:
        """Create a container under a reserved name, and start it where it is to start; its id.

        Raises:
            NameTaken: something bears the name.
        """
        mounts = tuple(self.mount(mount) for mount in command.volumes)
        for mount in command.volumes:
            if isinstance(mount, Mount) and mount.source and not mount.raw:
                self.create_volume(mount.source)
        spec = ContainerSpec(
            self.names(command.name),
            self.image(command.image),
            command.command,
            mounts,
            volumes_from=tuple(self.sharer(ref) for ref in command.volumes_from),
            auto_remove=command.remove,
            tmpfs=dict.fromkeys(command.tmpfs, ""),
            network=None if command.publish else "none",
            ports=command.publish,
            address=command.address,
        )
        made = self._start(spec, command.start)
        self.session.journal.meet("container", spec.name)
        return made

    def _start(self, spec: ContainerSpec, start: bool = True) -> str:
        spec = replace(spec, labels={**spec.labels, **self.session.labels()})
        self.session.journal.asked("container", spec.name)
        try:
            made = self.engine.create_container(spec)
        except Conflict as error:
            raise NameTaken("container", spec.name) from error
        self.session.journal.made("container", spec.name, made)
        self.note_mounts(made)
        if start:
            self.engine.start(made)
        return made

    @contextlib.contextmanager
    def scratch(
        self,
        image: str,
        command: Sequence[str] = (),
        volumes: Sequence[Mount] = (),
        **options: object,
    ) -> Iterator[str]:
        """A container for as long as the block runs, under a name that is used once; its id.

        Sources of `volumes` are taken as they are. Its anonymous volumes go with it.
        """
        for _progress in self.prepare(image):
            pass
        name = self.names.fresh("trial")
        spec = ContainerSpec(name, self.image(image), tuple(command), tuple(volumes))
        try:
            yield self._start(replace(spec, **options))  # type: ignore[arg-type]
        finally:
            self._left.add(name)
            with contextlib.suppress(NotFound):
                self.engine.remove_container(name, force=True, volumes=True)
            self.session.journal.release("container", name)
            self._left.discard(name)

    def sweep_trials(self) -> None:
        """Remove the scratch containers and volumes of processes that ended before they could do it, and those that
        this one could not remove since the engine had gone. What such a process had just asked for may come a moment
        later, and is left to the next sweep."""
        state = self.session.journal.state()
        used_once = [r for r in state.reserved.values() if r.step.startswith(PROCESS)]
        dead = [r for r in used_once if r.name in self._left or not _alive(r.step)]
        coming = False
        for reservation in sorted(dead, key=lambda r: r.kind):  # a container before the volume that it uses
            kind, name = reservation.kind, reservation.name
            if kind == "volume" and coming:
                continue  # a container that is still to come would make it anew, without our labels
            try:
                found = self._swept(kind, name)
            except Conflict:  # a volume that somebody uses by now: a clean-up tells who
                continue
            coming = coming or (kind == "container" and not found and state.awaited(kind, name))
            if found or not state.awaited(kind, name):
                self.session.journal.release(kind, name)
                self._left.discard(name)

    def _swept(self, kind: Kind, name: str) -> bool:
        """Remove what bears the name of a scratch container or volume of ours; whether anything does.

        Raises:
            Conflict: a volume is in use.
        """
        view = self.engine.container(name) if kind == "container" else self.engine.volume(name)
        if view is None:
            return False
        ours = labelled(view.labels, self.session.id, self.session.home)
        if isinstance(view, ContainerView) and ours and not self.ours(view):
            # It may have our labels from an image that was committed from one of ours.
            image = self.engine.image(view.image_id)
            ours = image is not None and not labelled(image.labels, self.session.id, self.session.home)
        if ours:
            with contextlib.suppress(NotFound):
                if isinstance(view, ContainerView):
                    self.engine.remove_container(view.id, force=True, volumes=True)
                else:
                    self.engine.remove_volume(name)
        return True

    def note_mounts(self, ref: str) -> None:
        """Journal the anonymous volumes of one of our containers: Docker's labels don't say whose they are."""
        container = self.engine.container(ref)
        if container is None or not any(mount.type == "volume" for mount in container.mounts):
            return
        sharers = {ref: view for ref in container.volumes_from if (view := self.engine.container(ref))}
        for volume in anonymous_volumes(container, self.engine.volumes(), sharers):
            self.session.journal.anonymous(volume.name, container.name)

    def container(self, logical: str) -> ContainerView | None:
        """The container under a logical name, whoever made it, or None."""
        name = self.names(logical)
        view = self.engine.container(name)
        if view:
            self.session.journal.meet("container", name)
        return view

    def was_there(self, logical: str, kind: Kind = "container") -> bool:
        """Whether something was seen under a logical name: what never was can't have been removed."""
        return (kind, self.names(logical, kind)) in self.session.journal.state().met

    def ours(self, view: ContainerView | VolumeView) -> bool:
        """Whether we made it, rather than somebody by hand under the same name. A container has an id of its own, and
        may have our labels from an image that was committed from one of ours; a volume has nothing but labels."""
        made = self.session.journal.state().made
        if isinstance(view, ContainerView):
            return made.get(("container", view.name)) == view.id
        return ("volume", view.name) in made and labelled(view.labels, self.session.id, self.session.home)

    def exec(self, logical: str, *argv: str) -> ExecResult:
        """Look into a container with a program and wait for it; its exit code is the caller's to judge.

        What a look runs is told from what a learner runs, by any kernel that watches: else each look would be a
        change, and call for another.
        """
        return self.engine.run(self.names(logical), [*LOOK, *argv])

    def succeeded(self, argv: Sequence[str], result: ExecResult) -> ExecResult:
        """The result, where the program succeeded.

        Raises:
            CommandFailed: it did not; carries its own message.
        """
        if result.code != 0:
            raise CommandFailed(argv, result)
        return result

    # results

    def result_path(self, workload: str) -> Path:
        """Where this session keeps its result of a workload; clean-up leaves it."""
        return self.session.folder / "results" / f"{workload}.json"

    def partial_path(self, workload: str) -> Path:
        """Where a result is kept that is being measured again, until it answers."""
        path = self.result_path(workload)
        return path.with_name(f"{path.name}.partial")

    def forget_result(self, workload: str) -> None:
        """Remove what this session measured of a workload."""
        for path in (self.result_path(workload), self.partial_path(workload)):
            path.unlink(missing_ok=True)

    def result(self, workload: str) -> Result | None:
        """This session's result of a workload, or None."""
        path = self.result_path(workload)
        return load(path)[0] if path.exists() else None

    # volumes

    def volume(self, logical: str) -> VolumeView | None:
        """The volume under a logical name, whoever made it, or None."""
        view = self.engine.volume(self.names(logical, "volume"))
        if view:
            self.session.journal.meet("volume", view.name)
        return view

    def create_volume(
        self,
        logical: str,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Create a volume under a reserved name, or find the one that we made; its name.

        Raises:
            NameTaken: somebody else's volume bears the name. Docker answers a create with it all the same.
        """
        name = self._volume(self.names(logical, "volume"), options, labels)
        self.session.journal.meet("volume", name)
        return name

    def _volume(
        self,
        name: str,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        self.session.journal.asked("volume", name)
        made = self.engine.create_volume(name, {**(labels or {}), **self.session.labels()}, options)
        if not labelled(made.labels, self.session.id, self.session.home):
            raise NameTaken("volume", name)
        self.session.journal.made("volume", name, name)
        return name

    @contextlib.contextmanager
    def scratch_volume(self, options: Mapping[str, str] | None = None) -> Iterator[str]:
        """A volume for as long as the block runs; its name."""
        fresh = self.names.fresh("trial", "volume")
        try:
            self._volume(fresh, options)
        except NameTaken:
            self.session.journal.release("volume", fresh)
            raise
        try:
            yield fresh
        finally:
            self._discard_volume(fresh)

    def _discard_volume(self, name: str) -> None:
        self._left.add(name)
        with contextlib.suppress(NotFound):
            self.engine.remove_volume(name)
        self.session.journal.release("volume", name)
        self._left.discard(name)

    @contextlib.contextmanager
    def new_volume(
        self,
        logical: str,
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        """A volume that is new, and bears its logical name only when the block has ended well; its name.

        One line of the journal makes it count. Until then what bore the logical name does so still, and the new one
        goes with a failure, or with the next `sweep_trials` where nobody was left to remove it.

        Raises:
            NameTaken: somebody else's volume bears the name.
        """
        name = self.names.fresh(logical, "volume")
        try:
            self._volume(name, options, labels)
            yield name
        except NameTaken:
            self.session.journal.release("volume", name)
            raise
        except BaseException:
            self._discard_volume(name)
            raise
        self.session.journal.reserve(Reservation("volume", name, logical))
        self.session.journal.meet("volume", name)

    def left_behind(self, logical: str) -> list[str]:
        """The anonymous volumes that came with the container of a logical name, where that has gone and they have
        not; the youngest last."""
        if self.container(logical):
            return []
        name, state = self.names(logical), self.session.journal.state()
        return [volume for volume, of in state.anonymous.items() if of == name and self.engine.volume(volume)]

    # commands

    def do(self, *commands: Command) -> None:
        """Perform commands, one after the other."""
        for command in commands:
            for _step in command.perform(self):
                pass

    def line(self, command: Command) -> str:
        """The line of a command, as one would type it; of a script for the shell, the script."""
        words = command.argv(self)
        return words[2] if words[:2] == ["sh", "-c"] and len(words) == 3 else shlex.join(words)
