"""Odd values from Python, dates, places of outputs, byte order marks: the right answer, or a refusal."""

import os

import numpy as np
import pytest

import biomatch as bm
from biomatch import cli
from biomatch.errors import BiomatchError

ROWS = np.random.default_rng(1).normal(size=(60, 64)).astype(np.float32)
LABELS = [f"p{n // 2}" for n in range(60)]
MASKED = np.ma.array(ROWS, mask=np.arange(60 * 64).reshape(60, 64) < 3)


def curve(**changes):
    return bm.identification_curve([0.9, 0.8], [1, 2], [0.1], **{"enrolled_count": 5, **changes})


@pytest.mark.parametrize("odd", [None, float("nan"), True, ""], ids=str)
def test_a_label_names_somebody(odd):
    labels = [odd, *LABELS[1:]]
    for call in (
        lambda: bm.fit(ROWS, labels),
        lambda: bm.identify(ROWS, labels, ROWS, LABELS),
        lambda: bm.identify(ROWS, LABELS, ROWS, labels),
        lambda: bm.identify(ROWS, np.array(labels, dtype=object), ROWS, LABELS),
    ):
        with pytest.raises(BiomatchError, match="label"):
            call()


def test_what_a_mask_hides_does_not_come_back():
    masked = np.ma.array([0.9, 0.8], mask=[0, 1])
    for call in (
        lambda: bm.fit(MASKED, LABELS),
        lambda: bm.identify(MASKED, LABELS, ROWS, LABELS),
        lambda: bm.identify(ROWS, LABELS, MASKED, LABELS),
        lambda: bm.verification_curve(masked, [0.1]),
        lambda: bm.verification_curve([0.9], masked),
        lambda: bm.identification_curve(masked, [1, 2], [0.1], enrolled_count=5),
    ):
        with pytest.raises(BiomatchError, match="masked"):
            call()


@pytest.mark.parametrize("count", [1.5, -1, True, float("nan"), "5", None, 2**70], ids=str)
def test_a_number_of_references_is_a_whole_number(count):
    with pytest.raises(BiomatchError, match="enrolled_count"):
        curve(enrolled_count=count)


@pytest.mark.parametrize("rank", [0, 3, 100, 1.5, True, -1], ids=str)
def test_a_rank_is_one_of_the_list(rank):
    with pytest.raises(BiomatchError, match="rank"):
        curve().fnir(0.5, rank)
    with pytest.raises(BiomatchError, match="rank"):
        curve(enrolled_count=1)


def test_a_truth_value_is_no_number():
    for call in (
        lambda: bm.predict("visa-border-leader", True, 0.01),
        lambda: bm.predict("visa-border-leader", 1000, True),
        lambda: bm.plan(True),
        lambda: bm.OperatingPoint.of(True),
        lambda: bm.queue("hall", fnir=True, replications=1),
        lambda: bm.queue("hall", replications=True),
        lambda: bm.verification_curve([True], [False]),
    ):
        with pytest.raises(BiomatchError):
            call()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2024-02-30", "10000-01-01", "24-1-1", "now"])
def test_a_day_lies_within_the_calendar(day, seeds, tmp_path, capsys):
    calls = (
        ["stays", "us", str(seeds / "us.csv"), "--on", day],
        ["stays", "us", str(seeds / "us.csv"), "--on", "2024-06-01", "--restate", day],
        ["stays", "eu", str(seeds / "eu.csv"), "--on", day],
        ["link", str(seeds / "us.csv"), "--on", day, "--out", str(tmp_path / "o")],
        ["run", str(seeds / "w2"), "--at", str(seeds / "p.json"), "--on", day, "--out", str(tmp_path / "o")],
    )
    for call in calls:
        assert cli.run(call) == 2, call
    assert not (tmp_path / "o").exists()


def test_a_byte_order_mark_is_no_letter(tmp_path, capsys):
    mark = b"\xef\xbb\xbf"
    rows = b"".join(b"%d %f\n" % (n % 2, n % 2 + n / 300) for n in range(300))
    tables = {"us": "traveller,class,entry,exit,admitted_until\nA,B2,2024-01-01,,2024-02-01\n"}
    (tmp_path / "us.csv").write_bytes(mark + tables["us"].encode())
    (tmp_path / "suite.toml").write_bytes(mark + b"miss = 10.0\n")
    said = []
    for data in (rows, mark + rows):
        (tmp_path / "scores.txt").write_bytes(data)
        assert cli.run(["scores", str(tmp_path / "scores.txt"), "--max-fmr", "0.1", "--json"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert cli.run(["stays", "us", str(tmp_path / "us.csv"), "--on", "2024-06-01", "--json"]) == 0
    from biomatch.settings.base import values_of

    assert values_of(tmp_path / "suite.toml") == {"miss": 10.0}


PLACES = ("/dev/full/x", "a" * 300, "x\0y", os.fsdecode(b"/dev/full/\xff.csv"), "/proc/x", ".", "/")


@pytest.mark.parametrize("place", PLACES, ids=ascii)
def test_a_place_for_an_output_is_refused_in_a_line(place, seeds, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scored, judged = str(seeds / "scores.csv"), str(seeds / "result")
    calls = (
        ["scores", scored, "--max-fmr", "0.1", "--plot", place],
        ["scores", scored, "--max-fmr", "0.1", "--report", place],
        ["stays", "us", str(seeds / "us.csv"), "--on", "2024-06-01", "--out", place],
        ["tune", str(seeds / "l1"), str(seeds / "w1"), "--max-fpir", "0.3", "--out", place],
        ["report", judged, "--out", place],
    )
    for call in calls:
        assert cli.run(call) == 2, call
        said = capsys.readouterr().err
        assert len([line for line in said.splitlines() if line.startswith("biomatch: ")]) == 1, said
    assert not list(tmp_path.iterdir())
