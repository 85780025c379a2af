"""Which figures a result has, with what each shows in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from matplotlib.figure import Figure

from voltutor.plots.growth import growth
from voltutor.plots.ratios import ratios
from voltutor.plots.trials import distribution, over_time, pairs
from voltutor.results import Result
from voltutor.text import _, tr

View = tuple[str, Callable[[], Figure], str]


def views(result: Result, guess: float | None = None, slower: float | None = None) -> Iterator[View]:
    """A name, a way to draw, and a text alternative for each figure that the result has data for.

    Of the guesses, `guess` is seconds, and `slower` how many times as long the first place takes.
    """
    if not result.pairs:
        return
    a_trial = result.pairs[0].a
    if any(result.sizes) and len(result.sizes) > 1:
        words = tr(_("Time against the size of the file, in both places."))
        yield "growth", lambda: growth(result, guess), words
    else:
        words = tr(_("Every trial, the two of a pair joined by a line."))
        yield "pairs", lambda: pairs(result), words
    yield (
        "ratios",
        lambda: ratios([result], slower),
        tr(_("How many times as long it takes in the first place as in the second, pair by pair.")),
    )
    if a_trial.series:
        yield "over-time", lambda: over_time(result), tr(_("I/Os per second over time, in both places."))
    if a_trial.bins:
        yield (
            "distribution",
            lambda: distribution(result),
            tr(_("How long single I/Os took, in both places.")),
        )
