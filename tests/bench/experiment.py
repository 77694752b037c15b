# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an experiment is made of."""

from dataclasses import dataclass, field

from pairing import parse_json_line


@dataclass
class Leg:
    command: list
    parse: object = parse_json_line
    environment: dict = field(default_factory=dict)
    timeout: float = 180
    warm_up: bool = True


@dataclass
class Ratio:
    """ours / best of the peers, per round."""
    title: str
    metric: str
    ours: str
    peers: list
    goal: float
    unit: str
    more_is_better: bool = False
    reach: float = None
    scale: float = 1.0  # of the figures as printed
    context: bool = False  # no goal, for orientation
    their_metric: str = None  # where a leg found what it is compared with by itself: that, and its name
    their_name: str = None


@dataclass
class Limit:
    """A figure of one leg alone; the worst of the rounds for counters, the median for times."""
    title: str
    metric: str
    leg: str
    limit: float
    unit: str
    worst: bool = False
    context: bool = False


@dataclass
class Experiment:
    name: str
    what: str
    legs: dict
    rows: list
    rounds: int = 9
    quick_rounds: int = 3
    needs_root: bool = False
    needs_element: str = None
    needs_huge_pages: int = 0
    on_disk: bool = False  # the figures depend on the disk of the scratch directory
