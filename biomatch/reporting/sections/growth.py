"""FPIR at larger galleries than the tested one, and how the methods did where the answer was held out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biomatch.evaluation.result import Result
from biomatch.reporting.figures import Ratio, count, number, percent, shorten
from biomatch.reporting.points import Rows
from biomatch.reporting.tables import OWN_THRESHOLD, Table, Value

RESTS_ON = "binomial"
"""The method that `tune` rests on, never too low for a larger N: see `biomatch.tuning.growth.methods`."""


def growth_of(result: Result) -> Mapping[str, Any] | None:
    """Find what tuning wrote of growth (`tuning.growth.curve.grown`); None where there is nothing usable.

    An operating point is a file that anybody may edit, so its shape is checked here and nowhere later.
    """
    found: Any = result.point.guarantee.get("growth")
    try:
        usable = (
            isinstance(found, Mapping)
            and all(_is_estimate(one) for one in found["estimates"])
            and all(Ratio.of_json(one) and one["size"] > 0 for one in found["measured"])
            and all(_is_back_test(one) for one in found["back_test"])
            and found["tested"] > 0
            and (found["operational"] is None or found["operational"] > 0)
        )
    except (KeyError, TypeError, ValueError):
        return None
    return found if usable and found["estimates"] else None


def _is_estimate(one: Mapping[str, Any]) -> bool:
    figures = [one["fpir"], one["low"], one["high"]]
    known = all(figure is None or 0.0 <= figure <= 1.0 for figure in figures)
    return known and one["size"] > 0 and isinstance(one["method"], str)


def _is_back_test(one: Mapping[str, Any]) -> bool:
    float(one["threshold"])
    rates = Ratio.of_json(one["fitted"]) and Ratio.of_json(one["measured"])
    return bool(rates) and one["fitted_up_to"] > 0 and all(_is_estimate(each) for each in one["estimates"])


def sentence(result: Result) -> str:
    """Say what FPIR is expected at the operational gallery."""
    found = growth_of(result)
    if found is None:
        return ""
    last = max(one["size"] for one in found["estimates"])
    there = [one for one in found["estimates"] if one["size"] == last and one["fpir"] is not None]
    said = ", ".join(f"{percent(one['fpir'])} ({shorten(one['method'], 20)})" for one in there)
    asked = (
        f"At the operational gallery of {count(last)}"
        if found["operational"]
        else f"No operational gallery was named (tune --gallery N); at N = {count(last)}"
    )
    return (
        f"{asked}, {last / found['tested']:.3g} times the tested {count(found['tested'])}, FPIR at the tuned "
        f"threshold is expected at {said}. The {RESTS_ON} method gives every added reference the same new "
        "chance of a false match. In truth false matches cluster in few travellers, so for a larger gallery "
        "its figure is never too low; the other methods estimate how much too high it is."
    )


def measured_table(result: Result) -> Table | None:
    """Show FPIR against N as it was measured on shares of the tuning world's gallery."""
    found = growth_of(result)
    if found is None or not found["measured"]:
        return None
    return Table(
        "growth-measured",
        "FPIR against the number of references, as measured at the tuned threshold",
        ("Gallery N", "FPIR, 95% interval"),
        tuple(
            (count(one["size"]), Ratio.of_json(one))
            for one in sorted(found["measured"], key=lambda one: one["size"])
        ),
        "The tuning world's own searches against nested shares of its people.",
    )


def growth_table(result: Result) -> Table | None:
    """Show FPIR at larger galleries than the tested one, by every method."""
    found = growth_of(result)
    if found is None:
        return None
    methods = list(dict.fromkeys(one["method"] for one in found["estimates"]))
    carried = {(one["size"], one["method"]): one for one in found["estimates"]}
    rows = tuple(
        (count(size), *(_figure(carried.get((size, method))) for method in methods))
        for size in sorted({one["size"] for one in found["estimates"]})
    )
    return Table(
        "growth",
        "FPIR carried on to larger galleries, at the tuned threshold",
        ("Gallery N", *(shorten(f"By {name}", 30) for name in methods)),
        rows,
        "Estimate and 95% interval of sampling error; the model's own error is what the back-test shows."
        + (f" Face model: {shorten(found.get('profile'), 40)}." if found.get("profile") else ""),
    )


def back_test_table(result: Result) -> Table | None:
    """Show what each method predicted for the whole gallery from a quarter of it, a row a threshold."""
    found = growth_of(result)
    if found is None or not found["back_test"]:
        return None
    tests = found["back_test"]
    methods = list(dict.fromkeys(one["method"] for test in tests for one in test["estimates"]))
    rows: list[tuple[Value, ...]] = []
    for test in tests:
        measured = Ratio.of_json(test["measured"])
        told = {one["method"]: _against(one, measured) for one in test["estimates"]}
        rows.append(
            (
                f"{float(test['threshold']):.4f}",
                Ratio.of_json(test["fitted"]),
                measured,
                *(told.get(name) for name in methods),
            )
        )
    first = tests[0]
    small, whole = count(first["fitted_up_to"]), count(first["measured"]["size"])
    return Table(
        "growth-back-test",
        f"Back-test: fitted on galleries up to N = {small}, predicted and measured at {whole}",
        (
            OWN_THRESHOLD,
            f"Fitted: FPIR at {small}",
            f"Measured: FPIR at {whole}",
            *(shorten(f"Predicted by {name}", 40) for name in methods),
        ),
        tuple(rows),
        "Thresholds with FPIR near 10% and 1% of the whole gallery, where a quarter of it still errs, and "
        "the tuned one where it does. Behind a prediction: how many times what was measured it is.",
    )


def _against(one: Mapping[str, Any], measured: Ratio) -> str | None:
    figure = _figure(one)
    if figure is None or not measured.value:
        return figure
    return f"{figure}: {number(one['fpir'] / measured.value)} times"


def growth_rows(result: Result) -> tuple[Rows, Rows, Rows]:
    """Give the chart's rows: estimates, measured rates, the operational N; a logarithmic axis has no zero."""
    found = growth_of(result)
    if found is None:
        return [], [], []
    estimates = [
        {"method": shorten(one["method"], 30), "n": one["size"], "fpir": one["fpir"],
         "low": one["low"] or None, "high": one["high"]}
        for one in found["estimates"]
        if one["fpir"]
    ]  # fmt: skip
    measured = [
        {"n": one["size"], "fpir": ratio.value, "low": ratio.low or None, "high": ratio.high}
        for one in found["measured"]
        if (ratio := Ratio.of_json(one)).value
    ]
    return estimates, measured, [{"n": found["operational"]}] if found["operational"] else []


def _figure(one: Mapping[str, Any] | None) -> str | None:
    if one is None or one["fpir"] is None:
        return None
    bounds = "" if one["low"] is None else f" ({percent(one['low'], 2)} to {percent(one['high'], 2)})"
    return f"{percent(one['fpir'])}{bounds}"
