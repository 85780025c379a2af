"""Figures from results: matplotlib without pyplot, one style. Never reaches an engine."""

from voltutor.plots.growth import growth
from voltutor.plots.page import page
from voltutor.plots.ratios import ratios
from voltutor.plots.style import is_ours, png, save, svg
from voltutor.plots.trials import distribution, over_time, pairs
from voltutor.plots.views import views

__all__ = [
    "distribution",
    "growth",
    "is_ours",
    "over_time",
    "page",
    "pairs",
    "png",
    "ratios",
    "save",
    "svg",
    "views",
]
