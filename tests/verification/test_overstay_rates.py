"""Rows 15 and 16: what is counted of a join, on a world too small to meet a tolerance."""

import pytest

from biomatch.verification import cell, overstays


def test_the_cells_are_the_counts_of_one_join(monkeypatch):
    monkeypatch.setattr(overstays, "TRAVELLERS", 8_000)
    found = {one.what: one for one in cell.CHECKS["15: overstay rates as reported"](cell.Size(1))}
    assert [one.row for one in found.values()] == [15] * 5 + [16] * 3

    def counted(what):
        numerator, denominator = found[what].counts.replace(",", "").split(" of ")
        return int(numerator), int(denominator)

    total, listed, out = (counted(f"{name} as reported") for name in (
        "total overstay rate", "in-country rate", "out-of-country rate"))  # fmt: skip
    assert total == (listed[0] + out[0], listed[1])
    assert total[1] > 2_000
    later = counted("in-country rate restated after 129 days")
    gone = found["share of the in-country count that is gone after 129 days"]
    assert gone.value == pytest.approx(1 - (later[0] / later[1]) / (listed[0] / listed[1]))
    by_class = [counted(f"in-country rate, {name}") for name in overstays.CLASSES]
    assert sum(n for n, _ in by_class) <= listed[0]
    assert all(one.interval[0] <= one.value <= one.interval[1] for one in found.values() if one is not gone)
