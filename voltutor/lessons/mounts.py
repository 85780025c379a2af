"""Each field of an inspected mount in a sentence, made from the value that is seen."""

from __future__ import annotations

from dataclasses import dataclass

from voltutor.engine import MountView
from voltutor.session import has_anonymous_name
from voltutor.text import _, tr


@dataclass(frozen=True)
class FieldSeen:
    """One field of `docker inspect`'s Mounts, in Docker's spelling: its value, and what that means, translated."""

    field: str
    value: str
    sentence: str


_TYPES = {
    "bind": _("A file or folder that was on the host before, and is the same one in the container."),
    "volume": _(
        "A folder that the engine keeps; it is removed on its own, or as an anonymous one by rm -v or --rm."
    ),
    "tmpfs": _("A file system in memory, this container's alone; it is gone when the container stops."),
}
_ANONYMOUS = _("Nobody gave a name, so the engine made one of 64 hexadecimal digits.")
_NAMED = _("Somebody gave this name; by it the volume can be used again.")
_NO_NAME = _("Only volumes have a name.")
_SOURCES = {
    "bind": _("The path on the host that was asked for."),
    "volume": _("Where the engine keeps the content, on its own machine. Use the name, not this path."),
    "tmpfs": _("Nothing on any disk."),
}
_DESTINATIONS = {
    "volume": _(
        "The place in the container. What the image has there is hidden, or was copied into the volume when that "
        "was new and empty."
    ),
}
_OTHER_DESTINATION = _("The place in the container. What the image has there is hidden, and never copied.")
_DRIVERS = {
    "local": _("The engine itself keeps it, on its own disk."),
    "": _("Only volumes have a driver."),
}
_OTHER_DRIVER = _("A plugin keeps it; it may lie on another machine.")
_MODES = {
    "": _("No mode was given."),
    "ro": _("It was asked for read-only."),
    "rw": _("It was asked for writable, as it is without a word."),
    "z": _(
        "On a machine with SELinux the content may be shared between containers; elsewhere it has no effect. "
        "The engine puts it there for a volume by itself."
    ),
    "Z": _("On a machine with SELinux the content is this container's alone; elsewhere it has no effect."),
    "nocopy": _("The volume was not to be filled from the image."),
}
_OTHER_MODE = _("What stood behind the second colon, word for word.")
_OTHER_TYPE = _("A kind of mount that this kit has no sentence for; see `docker container run --help`.")
_OTHER_SOURCE = _("What is mounted, as the engine names it.")
_RW = {
    True: _("The container may write here."),
    False: _("Writing fails here with “Read-only file system”, for root too."),
}
_PROPAGATION = {
    "": _(
        "Only bind mounts tell it: whether a mount that is made within it later is seen on the other side."
    ),
    "rprivate": _(
        "What is mounted within it later, on the host or in the container, isn't seen on the other side."
    ),
    "rslave": _(
        "What the host mounts within it later is seen in the container, and not the other way round."
    ),
    "rshared": _("What either side mounts within it later is seen on the other side."),
}
_OTHER_PROPAGATION = _("How mounts within it are passed on; mount_namespaces(7) has the words.")


def in_words(mount: MountView) -> tuple[FieldSeen, ...]:
    """Every field of a mount, in the order in which inspect shows them; an empty value as two quotation marks."""
    name = mount.name or ""
    named = _NO_NAME if not name else _ANONYMOUS if has_anonymous_name(name) else _NAMED
    rows = (
        ("Type", mount.type, _TYPES.get(mount.type, _OTHER_TYPE)),
        ("Name", name, named),
        ("Source", mount.source, _SOURCES.get(mount.type, _OTHER_SOURCE)),
        ("Destination", mount.target, _DESTINATIONS.get(mount.type, _OTHER_DESTINATION)),
        ("Driver", mount.driver, _DRIVERS.get(mount.driver, _OTHER_DRIVER)),
        ("Mode", mount.mode, _MODES.get(mount.mode, _OTHER_MODE)),
        ("RW", str(mount.read_write).lower(), _RW[mount.read_write]),
        ("Propagation", mount.propagation, _PROPAGATION.get(mount.propagation, _OTHER_PROPAGATION)),
    )
    return tuple(FieldSeen(field, value or '""', tr(text)) for field, value, text in rows)
