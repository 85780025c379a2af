"""Figures from results: matplotlib without pyplot, one style. Never reaches an engine."""

from voltutor.plots.growth import growth
from voltutor.plots.ratios import ratios
from voltutor.plots.style import png, save, svg

__all__ = ["growth", "png", "ratios", "save", "svg"]
