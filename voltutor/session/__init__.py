"""Sessions: what is ours on an engine, and how that is known after a crash; and the bench on which a learner
works. Knows engines and images, nothing of lessons or measurements."""

from voltutor.session.bench import Bench, CommandFailed
from voltutor.session.capabilities import (
    COPIES_UP,
    DROP_CACHES,
    HOST_PATHS,
    IN_A_CONTAINER,
    PROBES,
    PUBLISHED_PORTS,
    READ_ONLY,
    REFLINK,
    SIZED,
    SUBPATH,
    UIDS,
    Capability,
)
from voltutor.session.commands import (
    Bind,
    Command,
    Commit,
    CreateVolume,
    Exec,
    Mount,
    OnHost,
    Progress,
    Remove,
    RemoveVolume,
    Run,
    Start,
    Stop,
    Tag,
)
from voltutor.session.journal import Journal, JournalState, Reservation
from voltutor.session.names import Names, NameTaken
from voltutor.session.ownership import HOME_LABEL, SESSION_LABEL, anonymous_volumes, labelled
from voltutor.session.session import LEARNER, RUN, Session
from voltutor.session.watch import Watch

__all__ = [
    "COPIES_UP",
    "DROP_CACHES",
    "HOME_LABEL",
    "HOST_PATHS",
    "IN_A_CONTAINER",
    "LEARNER",
    "PROBES",
    "PUBLISHED_PORTS",
    "READ_ONLY",
    "REFLINK",
    "RUN",
    "SESSION_LABEL",
    "SIZED",
    "SUBPATH",
    "UIDS",
    "Bench",
    "Bind",
    "Capability",
    "Command",
    "CommandFailed",
    "Commit",
    "CreateVolume",
    "Exec",
    "Journal",
    "JournalState",
    "Mount",
    "NameTaken",
    "Names",
    "OnHost",
    "Progress",
    "Remove",
    "RemoveVolume",
    "Reservation",
    "Run",
    "Session",
    "Start",
    "Stop",
    "Tag",
    "Watch",
    "anonymous_volumes",
    "labelled",
]
