"""The labs: one file each, every step declared once. Content only; the machinery is in lessons/."""

from voltutor.errors import UsageError
from voltutor.labs.bind_mounts import BIND_MOUNTS
from voltutor.labs.copy_on_write import COPY_ON_WRITE
from voltutor.labs.data_containers import DATA_CONTAINERS
from voltutor.labs.managed_volumes import MANAGED_VOLUMES
from voltutor.labs.removing import REMOVING
from voltutor.labs.rescue import RESCUE_LAB
from voltutor.labs.start_here import START_HERE
from voltutor.labs.stateless_and_stateful import STATELESS_AND_STATEFUL
from voltutor.labs.what_a_volume_is_for import WHAT_A_VOLUME_IS_FOR
from voltutor.labs.what_it_costs import WHAT_IT_COSTS
from voltutor.lessons import Lab
from voltutor.text import _

LABS: dict[str, Lab] = {
    lab.id: lab
    for lab in (
        START_HERE,
        COPY_ON_WRITE,
        WHAT_A_VOLUME_IS_FOR,
        BIND_MOUNTS,
        MANAGED_VOLUMES,
        DATA_CONTAINERS,
        WHAT_IT_COSTS,
        STATELESS_AND_STATEFUL,
        REMOVING,
        RESCUE_LAB,
    )
}


def lab(id: str) -> Lab:  # noqa: A002 - as the attribute
    """The lab of this id, which is its notebook's name.

    Raises:
        UsageError: there is none.
    """
    if id not in LABS:
        raise UsageError(_("There is no lab {id!r}."), _("Take one of: {ids}."), id=id, ids=", ".join(LABS))
    return LABS[id]


__all__ = ["LABS", "lab"]
