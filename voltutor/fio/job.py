"""Jobs as data, and the command line that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool


@dataclass(frozen=True)
class Job:
    """One fio job: its name and options, in fio's own words (fio's HOWTO, "Job parameters").

    Sizes are bytes as integers or fio's own suffixed strings; an option that is True stands without a value.
    """

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)

    def argv(self) -> list[str]:
        """`--name=NAME --option=value …`, in the order given; False becomes `--option=0`."""
        words = [f"--name={self.name}"]
        for option, value in self.options.items():
            if value is True:
                words.append(f"--{option}")
            else:
                words.append(f"--{option}={0 if value is False else value}")
        return words


def command(*jobs: Job, bins: bool = False) -> list[str]:
    """The command line for these jobs, with JSON on stdout; with `bins` each latency's distribution is in it.

    Raises:
        ValueError: no job, or one without a name.
    """
    if not jobs or not all(job.name for job in jobs):
        raise ValueError("fio needs at least one job, and each job a name")
    return [
        "fio",
        f"--output-format={'json+' if bins else 'json'}",
        *(word for job in jobs for word in job.argv()),
    ]
