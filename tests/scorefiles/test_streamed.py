"""Files larger than memory: one pass, the same numbers, memory that does not grow."""

import json
import tracemalloc

import numpy as np
import polars as pl
import pytest

from biomatch.cli import run
from biomatch.curves.build import verification_curve
from biomatch.errors import BiomatchError, ResultsError, TableError
from biomatch.scorefiles import ScoreAccumulator, read_scores, stream_scores, streamed
from biomatch.tuning.curve_guarantee import guarantee_of

RNG = np.random.default_rng(11)
MATED = np.round(RNG.normal(0.6, 0.12, 900), 4)
OTHER = np.round(RNG.normal(0.0, 0.1, 20_000), 4)
BLOCK = 5_000  # bytes: dozens of blocks a file


def write(folder, form):
    """Write the same comparisons in one of the forms; give its files."""
    mixed = np.random.default_rng(12).permutation(MATED.size + OTHER.size)
    scores, own = np.r_[MATED, OTHER][mixed], (mixed < MATED.size)
    path = folder / f"all.{form if form in ('csv', 'parquet') else 'txt'}"
    if form in ("npy", "pyeer"):
        paths = [folder / f"{name}.{form}" for name in ("mated", "other")]
        for target, values in zip(paths, (MATED, OTHER), strict=True):
            np.save(target, values) if form == "npy" else np.savetxt(target, values, fmt="%.4f")
        return paths
    if form in ("csv", "parquet"):
        frame = pl.DataFrame({"mated": own.astype(int), "score": scores})
        frame.write_csv(path) if form == "csv" else frame.write_parquet(path)
        return [path]
    heads = {"bob-2": ("1", "-1"), "bob-4": ("a a q", "a b q"), "bob-5": ("a t a q", "a t b q")}[form]
    lines = [f"{heads[0] if is_own else heads[1]} {score}" for score, is_own in zip(scores, own, strict=True)]
    path.write_text("\n".join(lines))  # the last line is not ended
    return [path]


@pytest.mark.parametrize("form", streamed.STREAMED)
def test_one_pass_gives_what_the_whole_file_gives(tmp_path, monkeypatch, form):
    monkeypatch.setattr(streamed, "ROWS", 3_000)
    files = write(tmp_path, form)
    found = stream_scores(files, block=BLOCK)
    whole = read_scores(files).curve(identification=False)
    assert (found.mated.total, found.non_mated.total) == (MATED.size, OTHER.size)
    for target in (0.0, 1e-4, 1e-3, 0.02, 0.3):
        threshold = whole.threshold(max_fmr=target)
        assert found.threshold(max_fmr=target) == threshold
        assert found.threshold_interval(max_fmr=target) == whole.threshold_interval(max_fmr=target)
        assert found.fmr(threshold).numerator == whole.fmr(threshold).numerator
        assert found.fnmr(threshold).numerator == whole.fnmr(threshold).numerator
    if form in ("bob-4", "bob-5"):  # subjects are named and were not kept: no interval, no guarantee
        assert found.fmr(0.2).interval == (0.0, 1.0)
        with pytest.raises(ResultsError, match="without --stream"):
            guarantee_of(found, max_fmr=0.01)
    else:
        assert guarantee_of(found, max_fmr=0.01) == guarantee_of(whole, max_fmr=0.01)
        assert found.fmr(0.2) == whole.fmr(0.2)


def test_what_the_body_does_not_hold_is_not_invented(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "TAIL", 50)
    found = stream_scores(write(tmp_path, "npy"))
    threshold = found.threshold(max_fmr=0.2)
    assert (threshold <= OTHER).sum() <= 0.2 * OTHER.size < (threshold <= OTHER + 2.0**-10).sum()
    assert found.fmr(threshold).numerator == (threshold <= OTHER).sum()  # at a bin's edge the count is exact
    with pytest.raises(ResultsError, match=r"between .* false matches"):
        found.fmr(0.05)
    with pytest.raises(ResultsError, match=r"between .* false non-matches"):
        found.fnmr(0.6)


def test_no_score_is_a_miss_and_no_match():
    # A comparison without a score (-inf) is rejected at every threshold.
    mated, other = np.r_[MATED, -np.inf, -np.inf], np.r_[OTHER, -np.inf]
    whole = verification_curve(mated, other)
    own = ScoreAccumulator()
    own.add(streamed._finite(-mated))
    rest = ScoreAccumulator()
    rest.add(other)
    found = streamed.StreamedComparisons("npy", own, rest)
    for threshold in (-9.0, 0.3, 0.7):
        assert found.fnmr(threshold) == whole.fnmr(threshold)
        assert found.fmr(threshold) == whole.fmr(threshold)


def test_memory_does_not_grow_with_the_number_of_tiles():
    tile = np.random.default_rng(3).normal(size=1 << 18)

    def peak(tiles):
        tracemalloc.start()
        found = ScoreAccumulator(tail=1 << 16)
        for number in range(tiles):
            found.add(tile + 0.01 * number)  # ever higher scores: the tail never settles by itself
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.total == tiles * tile.size
        return most

    peak(1)
    few, many = peak(6), peak(24)
    assert many <= 1.02 * few


def test_memory_of_a_text_file_is_that_of_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "TAIL", 1 << 12)  # else it fills until it is full

    def peak(lines):
        path = tmp_path / "long.txt"
        path.write_text("1 0.9\n0 0.1\n" * (lines // 2))
        tracemalloc.start()
        assert stream_scores([path], block=1 << 16).non_mated.total == lines // 2
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1_000)
    few, many = peak(100_000), peak(400_000)
    assert many <= 1.02 * few


def insert(line):
    return lambda lines: [*lines[:9_000], line, *lines[9_000:]]


def swap(lines):
    return [("0" if line[0] == "1" else "1") + line[line.index(" ") :] for line in lines]


@pytest.mark.parametrize(
    ("form", "change", "message"),
    [
        ("bob-2", insert("1 x"), r"line 9001: score 'x' is no number"),
        ("bob-4", insert("a;b;q;1"), r"line 9001: 1 columns .*mixed"),
        ("csv", insert("1,nan"), r"line 9001: score is 'nan'"),
        ("csv", insert("maybe,1"), r"line 9001: mated is 'maybe'"),
        ("csv", lambda lines: ["marks,score", *lines[1:]], r"lacks the column 'mated'"),
        ("bob-2", lambda lines: ["0" + line[line.index(" ") :] for line in lines], r"no mated"),
        ("bob-2", swap, r"--distances"),
        ("bob-2", lambda _lines: [], r"begins with ''"),
    ],
)
def test_a_fault_far_down_is_named_by_its_line(tmp_path, form, change, message):
    (path,) = write(tmp_path, form)
    path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")
    with pytest.raises(BiomatchError, match=message):
        stream_scores([path], block=BLOCK)


def test_distances(tmp_path):
    np.save(tmp_path / "m.npy", -MATED)
    np.save(tmp_path / "o.npy", -OTHER)
    files = [tmp_path / "m.npy", tmp_path / "o.npy"]
    with pytest.raises(TableError, match="--distances"):
        stream_scores(files)
    found = stream_scores(files, distances=True)
    whole = verification_curve(-MATED, -OTHER, distances=True)
    assert (
        found.threshold(max_fmr=0.01)
        == whole.threshold(max_fmr=0.01)
        == -verification_curve(MATED, OTHER).threshold(max_fmr=0.01)
    )
    assert found.threshold_interval(max_fmr=0.01) == whole.threshold_interval(max_fmr=0.01)


def test_searches_cannot_be_streamed(tmp_path, capsys):
    files = [str(path) for path in write(tmp_path, "bob-4")]
    assert run(["scores", *files, "--stream", "--max-fpir", "0.01"]) == 2
    assert "comparisons" in capsys.readouterr().err
    (tmp_path / "log").write_text("searchId candidateRank\n")
    with pytest.raises(TableError, match="cannot be streamed"):
        stream_scores([tmp_path / "log"])


def test_command_line(tmp_path, capsys):
    files = [str(path) for path in write(tmp_path, "pyeer")]
    told = {}
    for more in ([], ["--stream"]):
        command = [
            "scores",
            *files,
            "--max-fmr",
            "0.001",
            "--assert",
            "fnmr<=0.05@fmr=0.001",
            "--json",
            *more,
        ]
        assert run(command) == 0
        told[bool(more)] = json.loads(capsys.readouterr().out)
    for key in (
        "mated",
        "non_mated",
        "threshold",
        "threshold_interval",
        "fmr",
        "fnmr",
        "guarantee",
        "claims",
    ):
        assert told[True][key] == told[False][key], key
    assert told[True]["curve"] is None
