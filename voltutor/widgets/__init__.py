"""What a learner sees in a notebook: thin views over controllers that are tested without a browser."""

from voltutor.widgets.notebook import LabView, open_lab

__all__ = ["LabView", "open_lab"]
