"""The map of the labs, and what lies where: plain HTML, made when a cell is run."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from voltutor import cleanup
from voltutor.diagrams import size_text
from voltutor.errors import VoltutorError
from voltutor.labs import LABS
from voltutor.labs.forms import FORMS, QUESTIONS
from voltutor.lessons import Lab
from voltutor.measure import titles
from voltutor.results import Finding, Interval, compare, slowdown, times, times_interval
from voltutor.session import Session
from voltutor.session.names import KINDS
from voltutor.text import _, escape, tr
from voltutor.widgets.static import section, table, wide
from voltutor.widgets.workplace import Workplace

READING = 4
"""Minutes for what stands before and after the cards."""


def map_html(workplace: Workplace) -> str:
    """Every lab with its minutes, whether it works here, and how far the learner is."""
    heads = (_("lab"), _("about"), _("minutes"), _("here"), _("passed"))
    return section(tr(_("The labs")), table(map(tr, heads), (_row(workplace, lab) for lab in LABS.values())))


def _row(workplace: Workplace, lab: Lab) -> tuple[str, ...]:
    here = works(workplace, lab)
    return (
        f'<a href="{escape(lab.id)}.ipynb">{escape(lab.id)}</a>',
        escape(tr(lab.title)),
        str(minutes_of(lab)),
        f'<span class="vt-whole">{escape(here.word)}</span>'
        + (f"<br>{escape(here.why)}" if here.why else ""),
        passed_of(workplace, lab),
    )


def all_passed(workplace: Workplace, lab: Lab) -> bool:
    """Whether the learner has passed all of it."""
    return all(workplace.progress.get(lab.id, step.id).passed for step in lab.steps)


def passed_of(workplace: Workplace, lab: Lab) -> str:
    """How many of its steps the learner has passed."""
    passed = sum(bool(workplace.progress.get(lab.id, step.id).passed) for step in lab.steps)
    done = f"✓ {passed}" if all_passed(workplace, lab) else str(passed)
    return f"{done} / {len(lab.steps)}"


def minutes_of(lab: Lab) -> int:
    """How long it takes, with what is to be read."""
    return sum(step.minutes for step in lab.steps) + READING


@dataclass(frozen=True)
class Here:
    """Whether the engine at hand can do a lab: in a few words, and why not."""

    word: str
    why: str = ""


def works(workplace: Workplace, lab: Lab) -> Here:
    """Whether the engine at hand can do a lab.

    Raises:
        EngineError: the engine does not answer.
    """
    bench = workplace.bench
    if bench is None:
        return Here(tr(_("no engine")))
    needs = {need for step in lab.steps for need in step.needs}
    lacking = [found for need in sorted(needs) if (found := bench.capability(need)).available is False]
    if any(bench.capability(need).available is None for need in needs):
        return Here(tr(_("not tried yet")))
    if not lacking:
        return Here(tr(_("works here")))
    missed = [step for step in lab.steps if {one.name for one in lacking} & step.needs]
    whys = "; ".join(dict.fromkeys(one.why for one in lacking))
    if all(step.measures for step in missed):
        return Here(tr(_("recorded: {n} of {all}"), n=len(missed), all=len(lab.steps)), whys)
    if len(missed) == len(lab.steps):
        return Here(tr(_("not here")), whys)
    return Here(tr(_("all but {n} of {all}"), n=len(missed), all=len(lab.steps)), whys)


def forms_html() -> str:
    """The forms of a volume, and what each survives; every cell is executed by a test on every engine."""
    heads = (_("form"), *QUESTIONS.values())
    rows = (
        (
            escape(tr(form.title)),
            *(
                f'<span class="vt-{one.name.lower()}">{escape(tr(one.value))}</span>'
                for one in (form.answers[key] for key in QUESTIONS)
            ),
        )
        for form in FORMS
    )
    title = tr(_("The forms of a volume, side by side"))
    return section(title, wide(title, table(map(tr, heads), rows)))


COSTS = "06-what-it-costs"

SOURCE_CLAIMS = _(
    "The text of 2018, on AUFS: every kind of access must become less efficient, and the performance of what "
    "writes much, such as Redis or MySQL, drops greatly."
)
FELTER = _(
    "Felter and others (IBM, 2015), MySQL, reading at its peak: 13,370 transactions a second natively, 12,964 on a "
    "volume, 11,469 in an AUFS layer, so 1.13 times as long a transaction as on the volume."
)
SLOWER_HERE = _("On this machine, of {n} answered: {slower} slower in the layer: {names}.")


@dataclass(frozen=True)
class _Guess:
    """A guess beside its answer; `off` is how many times too much or too little, 1 where none was made."""

    workload: str
    guess: float | None
    ratio: Interval
    finding: Finding

    @property
    def said(self) -> str:
        """What was found."""
        return tr(_NOT_SHOWN[self.finding]) if self.finding in _NOT_SHOWN else times_interval(self.ratio)

    @property
    def slower(self) -> bool:
        """Whether the layer is."""
        return self.finding not in _NOT_SHOWN and self.ratio.median > 1

    @property
    def off(self) -> float:
        return math.exp(abs(math.log(self.guess / self.ratio.median))) if self.guess else 1.0


def surprises_html(workplace: Workplace) -> str:
    """The guesses of lab 06 beside what was measured, the farthest off first; and what others have said of it."""
    title = tr(_("What surprised you"))
    found = _guesses(workplace) if workplace.bench else []
    if not found:
        return section(title, _paragraph(_("Nothing is measured yet. Measure, and run this cell again.")))
    names = titles()
    rows = [
        (
            escape(names[one.workload][0]),
            escape(times(one.guess) if one.guess else "–"),
            escape(one.said),
            escape(times(one.off) if one.guess else "–"),
        )
        for one in sorted(found, key=lambda one: -one.off)
    ]
    heads = (_("workload"), _("you guessed"), _("as long in the layer"), _("off by"))
    slower = [one.workload for one in found if one.slower]
    shown = wide(title, table(map(tr, heads), rows))
    here = _paragraph(SLOWER_HERE, n=len(found), slower=len(slower), names=", ".join(slower) or "–")
    own = {one.workload: one for one in found}
    beside = "".join(
        _paragraph(_("Yours, by `{name}`: {said}."), name=name, said=own[name].said)
        for name in ("random-write", "redis-append")
        if name in own
    )
    return section(title, f"{shown}{_paragraph(SOURCE_CLAIMS)}{here}{_paragraph(FELTER)}{beside}")


_NOT_SHOWN = {
    Finding.NO_DIFFERENCE: _("no difference shown"),
    Finding.BY_CHANCE: _("no difference shown"),
    Finding.NO_CLAIM: _("no claim"),
}


def _guesses(workplace: Workplace) -> list[_Guess]:
    """What was measured in lab 06, with what was guessed."""
    assert workplace.bench is not None  # noqa: S101 - the caller looked
    made = []
    for step in LABS[COSTS].steps:
        result = workplace.bench.result(step.measures)
        if result is None or not result.answers:
            continue
        found = compare(result)[0][-1]
        guess = workplace.progress.get(COSTS, step.id).guess
        made.append(_Guess(step.measures, guess, slowdown(result, found), found.finding))
    return made


def traces_html(workplace: Workplace) -> str:
    """Where things are kept, what they take, and what a clean-up would remove; it removes nothing."""
    home = workplace.home
    parts = [
        _paragraph(
            _("Notebooks, progress and results are kept in {home}, {size} now."),
            home=home,
            size=size_text(_kept(home)),
        )
    ]
    if workplace.bench is not None:
        try:
            parts.append(_plan(workplace))
        except VoltutorError as error:
            parts.append(f"<p>{escape(str(error))}</p>")
    parts.append(
        _paragraph(
            _(
                "`voltutor clean` in a terminal shows this list and asks. The folder named above is then the last "
                "trace; delete it too."
            )
        )
    )
    return section(tr(_("Leave no trace")), "".join(parts))


def _kept(home: Path) -> int:
    """Bytes in the home but for the embedded engine's, which are the engine's disk."""
    total = 0
    for folder, folders, files in os.walk(home):
        if Path(folder) == home and "engine" in folders:
            folders.remove("engine")
        for name in files:
            with contextlib.suppress(OSError):  # one that has gone meanwhile
                total += (Path(folder) / name).lstat().st_size
    return total


def _plan(workplace: Workplace) -> str:
    assert workplace.bench is not None  # noqa: S101 - the caller looked
    engine = workplace.bench.engine
    sessions = [
        session for session in Session.all(Path(workplace.home)) if session.engine_id == engine.info.id
    ]
    plan = cleanup.plan(cleanup.find(engine, sessions))
    if not plan.remove:
        return _paragraph(_("On {engine} nothing of this kit's is left."), engine=engine.info.title)
    rows = [
        (
            escape(tr(KINDS[one.thing.kind])),
            f"<code>{escape(one.thing.name)}</code>",
            escape(one.thing.step or ""),
        )
        for one in plan.remove
    ]
    images = [
        view for one in plan.remove if one.thing.kind == "image" and (view := engine.image(one.thing.id))
    ]
    taken = sum({view.id: view.size for view in images}.values())
    text = _paragraph(_("On {engine} a clean-up would remove, and nothing else:"), engine=engine.info.title)
    if taken:
        text = _paragraph(_("This kit's images take {size} on {engine}; what several share is counted in each."),
                          size=size_text(taken), engine=engine.info.title) + text  # fmt: skip
    return text + table(map(tr, (_("kind"), _("name"), _("made for"))), rows)


def _paragraph(text: str, **fields: object) -> str:
    filled = escape(tr(text, **fields), quote=False)
    pieces = filled.split("`")
    return (
        "<p>"
        + "".join(f"<code>{piece}</code>" if n % 2 else piece for n, piece in enumerate(pieces))
        + "</p>"
    )
