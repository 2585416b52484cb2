"""The lowest score at which decisions are made, where nobody declares one."""

from __future__ import annotations

import numpy as np

LEADER_THRESHOLDS = {1_000: 0.342, 10_000: 0.379, 100_000: 0.424, 1_000_000: 0.451}
"""Threshold for FPIR 0.003 by N under the visa-border leader profile: measured on 6,000 non-mated probes
of benchmarks/search/faces.py (seed 20261124), three digits."""


def leader_floor(enrolled: int) -> float:
    """Give the leader profile's threshold (FPIR 0.003) at N, interpolated in log N.

    Examples
    --------
    >>> leader_floor(1000)
    0.342
    """
    sizes = np.log10(np.array(list(LEADER_THRESHOLDS)))
    values = np.array(list(LEADER_THRESHOLDS.values()))
    at = np.log10(max(1, enrolled))
    if at <= sizes[-1]:
        return float(np.interp(at, sizes, values))
    slope = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])
    return float(values[-1] + slope * (at - sizes[-1]))
