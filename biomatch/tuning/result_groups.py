"""How the thresholds of a judged run treat each group."""

from __future__ import annotations

from biomatch.curves.groups import GroupReport, group_report
from biomatch.errors import ResultsError
from biomatch.evaluation.result import Result
from biomatch.policy import SEARCH
from biomatch.tuning.by_part import decided


def groups(result: Result, by: str = "group", *, max_fpir: float | None = None) -> GroupReport:
    """Give FPIR, FNIR and FTA of each group at a result's own thresholds, and inequity (ISO/IEC 19795-10).

    Parameters
    ----------
    result : Result
        What was judged.
    by : str
        The breakdown: ``"group"``, ``"port"``, ``"mode"``, ``"direction"`` or ``"admission_class"``.
    max_fpir : float, optional
        FPIR that each group is tested against; the tests are not corrected for the number of groups.

    Returns
    -------
    GroupReport
        Its ``table`` has a row a group, its ``inequity`` the indices with their intervals.

    Raises
    ------
    ResultsError
        For something that is no result, a breakdown that there is not, or thresholds by several fields.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 300}), seed=1)
    >>> result = bm.evaluate(bm.run(made.observed, at=bm.OperatingPoint.of(0.4)), made.truth, grid=0)
    >>> bm.groups(result, by="mode").table.columns[:3]
    ['group', 'fpir_value', 'fpir_numerator']
    """
    if not isinstance(result, Result):
        raise ResultsError(
            f"a {type(result).__name__}",
            allowed="a result of bm.evaluate",
            remedy="write bm.groups(bm.evaluate(run, world.truth))",
        )
    curve, at = result.curve, result.point.face_threshold
    if not curve.non_mated and result.designed_curve is not None:
        curve = result.designed_curve
    # Thresholds of the further searches are not those of the curve, which is the primary search's.
    by_field = {name: found for name, found in result.point.face_threshold_by.items() if name != SEARCH}
    if len(by_field) > 1:
        raise ResultsError("thresholds by several fields", allowed="thresholds by one field, or one for all")
    for field, limits in by_field.items():
        curve, at = decided(curve, field, limits, at), 1.0
    return group_report(curve, by, at, target=max_fpir, rank=result.list_length)
