"""What a comparison score is worth by a face profile, where a user's records cannot teach it."""

from __future__ import annotations

import numpy as np

from biomatch.evidence.face import FaceCalibrator
from biomatch.scorelaw.law import ScoreLaw
from biomatch.settings.profile import FaceProfile

_STEP = 0.005
_LEAST = 1e-11  # of either law in a cell: less is rounding


def law_of(profile: FaceProfile) -> FaceCalibrator:
    """Give the log-likelihood ratio of scores by the two laws of a profile.

    Parameters
    ----------
    profile : FaceProfile
        Its laws of mated and non-mated scores, for one enrolled image taken at the same time.

    Returns
    -------
    FaceCalibrator
        ``ln(mated density / non-mated density)`` made non-decreasing. A spoilt capture of the same person
        scores like a stranger, so no score speaks more against one person than the share of such captures.

    Examples
    --------
    >>> from biomatch.settings.profile import load_profile
    >>> law = law_of(load_profile("visa-border-leader"))
    >>> bool(law.llr(0.9) > 10 and law.llr(0.0) < -3)
    True
    """
    law = ScoreLaw(profile)
    edges = np.arange(-0.5, 1.0 + _STEP / 2, _STEP)
    fmr, fnmr = np.asarray(law.fmr(edges)), np.asarray(law.fnmr(edges))
    spoilt = float(fnmr[0])
    strangers, mated = -np.diff(fmr), np.diff(fnmr)
    known = (strangers > _LEAST) & (mated > _LEAST)
    spoilt = max(spoilt, 1e-9)
    ratio = np.log(spoilt + mated[known] / strangers[known])
    middle = (edges[:-1] + _STEP / 2)[known]
    # Below every mated score only spoilt captures are left; above every stranger's the ratio stays.
    knots = np.r_[middle[0] - _STEP, middle]
    values = np.maximum.accumulate(np.r_[np.log(spoilt), ratio])
    limit = float(max(abs(values[0]), values[-1]))
    return FaceCalibrator(tuple(knots.tolist()), tuple(values.tolist()), 0.0, 0.0, limit)
