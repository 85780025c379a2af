"""How many replicas a load wants: the rule alone, over figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

TOLERANCE = 0.1
"""A ratio this near to 1 changes nothing."""


@dataclass
class Scaler:
    """The rule of Kubernetes's HorizontalPodAutoscaler: replicas × figure ÷ target, rounded up, left alone within a
    tolerance, and going down only to the most that was wanted within a window, so that a pause in the load doesn't
    take replicas away (kubernetes.io, "Horizontal Pod Autoscaling", algorithm details).

    Attributes:
        target: the figure that one replica should have, such as requests under way.
        least, most: bounds of the number of replicas.
        window: how many looks back going down waits for.
    """

    target: float
    least: int = 1
    most: int = 3
    window: int = 3
    _wanted: list[int] = field(default_factory=list)

    def look(self, replicas: int, total: float) -> int:
        """The number of replicas that is wanted, given how many there are and the figure summed over all of them."""
        ratio = total / (replicas * self.target) if replicas else 1.0
        wanted = replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(replicas * ratio)
        self._wanted = [*self._wanted, max(self.least, min(self.most, wanted))][-self.window :]
        return max(self._wanted) if self._wanted[-1] < replicas else self._wanted[-1]
