"""`compare` fails closed: what is missing, edited or impossible never passes for "no difference"."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import small_row

import biomatch
from biomatch import cli
from biomatch.errors import BiomatchError
from biomatch.studies.compare import compare, difference
from biomatch.studies.rows import Row, write_plan


def study(folder, seeds=(1, 2), **changes):
    for seed in seeds:
        small_row(seed, **changes).write(folder / "runs")
    write_plan(folder, "x", [f"{seed:016x}" for seed in seeds])
    return str(folder)


@pytest.mark.parametrize("value", ["95", "1", "0", "nan", "inf", "-0.5", "1e-400"])
def test_a_confidence_is_between_nought_and_one(tmp_path, value):
    one = study(tmp_path / "a")
    assert cli.run(["compare", one, one, "--confidence", value]) == 2
    with pytest.raises(BiomatchError):
        compare([small_row(1)], [small_row(1)], confidence=float(value))
    with pytest.raises(BiomatchError):
        difference((1, 2), (1, 2), float(value))


@pytest.mark.parametrize("value", ["-0.1", "1", "nan", "inf", "5"])
def test_a_margin_is_a_share(tmp_path, value):
    one = study(tmp_path / "a")
    assert cli.run(["compare", one, one, "--margin", value]) == 2


def test_what_one_study_lacks_is_no_zero(tmp_path, capsys):
    whole, short = study(tmp_path / "a"), study(tmp_path / "b", seeds=(1,))
    assert cli.run(["compare", whole, whole]) == 0
    assert cli.run(["compare", whole, short]) == 2
    assert "seed 2" in capsys.readouterr().err
    assert cli.run(["compare", whole, short, "--partial"]) == 0
    assert "not compared" in capsys.readouterr().err
    lacking = small_row(1)
    counts = {name: value for name, value in lacking.counts.items() if name != "missed"}
    bare = Row(**{**vars(lacking), "counts": counts})
    with pytest.raises(BiomatchError, match="missed"):
        compare([lacking], [bare])
    without = {name: value for name, value in counts.items() if name != "mated"}
    with pytest.raises(BiomatchError, match="did not count fnir"):
        compare([lacking], [Row(**{**vars(lacking), "counts": without})])


def test_a_half_finished_study_is_compared_only_when_asked(tmp_path, capsys):
    one, other = study(tmp_path / "a"), study(tmp_path / "b")
    for folder in ("a", "b"):
        write_plan(tmp_path / folder, "x", [f"{seed:016x}" for seed in (1, 2, 3)])
    assert cli.run(["compare", one, other]) == 2
    assert "2 of 3 runs" in capsys.readouterr().err
    assert cli.run(["compare", one, other, "--partial"]) == 0
    assert "half-finished" in capsys.readouterr().err
    with pytest.raises(BiomatchError, match="2 of 3 runs"):
        biomatch.compare(one, other)
    assert biomatch.compare(one, other, partial=True)


def test_a_study_that_lost_its_plan_is_not_taken_for_a_finished_one(tmp_path, capsys):
    one, other = study(tmp_path / "a"), study(tmp_path / "b")
    for place in (tmp_path / "b").iterdir():
        if place.is_file():
            place.unlink()
    assert cli.run(["compare", one, other]) == 2
    assert "which runs" in capsys.readouterr().err
    with pytest.raises(BiomatchError, match="which runs"):
        biomatch.compare(one, other)
    assert cli.run(["compare", one, other, "--partial"]) == 0


IMPOSSIBLE = (-1, float("nan"), float("inf"), "5", True, None, 0.5, 101, [1], 10**400)


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=lambda value: str(value)[:20])
def test_a_count_that_cannot_be_is_refused_where_it_is_read(tmp_path, value):
    folder = study(tmp_path / "a", seeds=(1,), missed=value)
    assert cli.run(["compare", folder, folder]) == 2


def test_an_edited_row_is_noticed(tmp_path):
    folder = study(tmp_path / "a", seeds=(1,))
    (file,) = (tmp_path / "a" / "runs").iterdir()
    laid = json.loads(file.read_text())
    laid["counts"]["missed"] = 4
    file.write_text(json.dumps(laid))
    assert cli.run(["compare", folder, folder]) == 2


@given(st.integers(-3, 40), st.integers(-3, 40), st.integers(-3, 40), st.integers(-3, 40))
def test_a_difference_is_of_counts_that_can_be(a, n, b, m):
    possible = 0 <= a <= n and n > 0 and 0 <= b <= m and m > 0
    if possible:
        found = difference((a, n), (b, m))
        assert -1 <= found.low <= found.value <= found.high <= 1
    else:
        with pytest.raises(BiomatchError):
            difference((a, n), (b, m))
