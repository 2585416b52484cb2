"""Each kind of bad input has its own message."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.cli import run
from biomatch.errors import TableError
from biomatch.scorelaw.fit import fit_twin, from_embeddings, from_scores, read_scores
from biomatch.scorelaw.fit.sample import EDGES, _above
from biomatch.tables.embeddings import read_embeddings


@pytest.fixture(scope="module")
def good(embeddings, truth):
    return embeddings(truth, 60, 2)


def save(path, templates, labels):
    np.savez(path, templates=templates, labels=labels)
    return path


def test_not_finite_zero_and_pickles(tmp_path, good):
    templates, labels = (a.copy() for a in good)
    templates[3, 5] = np.nan
    with pytest.raises(TableError, match=r"row 3 .* not finite"):
        read_embeddings(save(tmp_path / "a.npz", templates, labels))
    templates[3] = 0.0
    with pytest.raises(TableError, match=r"row 3 .* zero vector"):
        read_embeddings(save(tmp_path / "b.npz", templates, labels))
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TableError, match="never loaded"):
        read_embeddings(tmp_path / "c.npy")
    with pytest.raises(TableError, match="never loaded"):
        read_scores(tmp_path / "c.npy")


def test_one_image_an_identity(good):
    templates, labels = good
    with pytest.raises(TableError, match="60 of 60 identities have one image"):
        from_embeddings(templates[::2], labels[::2])


def test_duplicates_are_named_all_at_once(good):
    templates, labels = (a.copy() for a in good)
    templates[7] = templates[50]
    templates[20] = templates[90]
    templates[12] = templates[13]
    with pytest.raises(TableError) as caught:
        from_embeddings(templates, labels)
    said = str(caught.value)
    assert "one image under two labels: rows 7 and 50 ('3', '25'), rows 20 and 90 ('10', '45')" in said
    assert "one image twice: rows 12 and 13 (label '6')" in said


def test_dimension_and_number(good):
    templates, labels = good
    with pytest.raises(TableError, match="32 to 4,096"):
        from_embeddings(np.ascontiguousarray(templates[:, :16]), labels)
    with pytest.raises(TableError, match="10 identities"):
        from_embeddings(templates[:20], labels[:20])


def test_enrolled_images_come_first_if_so_said(truth, embeddings):
    templates, labels = embeddings(truth, 40, 4)
    alike = from_embeddings(templates, labels)
    sided = from_embeddings(templates, labels, first_enrolled=True)
    assert (len(alike.mated), len(sided.mated)) == (40 * 6, 40 * 3)
    with_first = [templates[4 * p] @ templates[4 * p + i] for p in range(40) for i in (1, 2, 3)]
    np.testing.assert_allclose(sided.mated, np.sort(with_first), atol=1e-6)
    np.testing.assert_array_equal(sided.above, alike.above)
    first, both = (fit_twin(sample).profile.noise for sample in (sided, alike))
    assert (first.unusable_enrolment, first.enrolment_image) == (0.0, 0.6)
    assert both.unusable_enrolment == both.unusable
    assert both.enrolment_image == 1.0


def test_scores_that_are_no_cosines():
    high, low = np.full(300, 0.8), np.full(300, 0.1)
    with pytest.raises(TableError, match="not finite"):
        from_scores(np.append(high, np.nan), low)
    with pytest.raises(TableError, match="cosines"):
        from_scores(high * 100.0, low)
    with pytest.raises(TableError, match="at least 200"):
        from_scores(high[:50], low)
    with pytest.raises(TableError, match="mated scores above non-mated"):
        fit_twin(from_scores(low, high))


def test_one_image_identities_are_strangers_and_said(good):
    templates, labels = good
    sample = from_embeddings(templates[:-1], labels[:-1])
    assert sample.notes == ("1 identities with one image serve as strangers only",)
    assert sample.non_mated == 59 * 59


def test_counts_against_a_slow_twin(good):
    templates, labels = good
    sample = from_embeddings(templates, labels)
    names = np.unique(labels)
    first = {name: templates[np.flatnonzero(labels == name)[0]] for name in names}
    second = {name: templates[np.flatnonzero(labels == name)[1]] for name in names}
    scores = [float(second[a] @ first[b]) for a in names for b in names if a != b]
    assert sample.non_mated == len(scores)
    assert abs(sample.count(0.1) - sum(s >= 0.1 for s in scores)) <= 1
    best = [max(float(second[a] @ first[b]) for b in names if b != a) for a in names]
    np.testing.assert_allclose(sample.best[59], np.sort(best), atol=1e-6)
    np.testing.assert_allclose(sample.mated, np.sort([first[n] @ second[n] for n in names]), atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=60))
def test_counts_fall(values):
    above = _above(np.asarray(values))
    assert above[0] == len(values)
    assert (np.diff(above) <= 0).all()
    at = 2600
    assert abs(int(above[at]) - sum(v >= EDGES[at] for v in values)) <= sum(
        abs(v - EDGES[at]) < 1e-9 for v in values
    )


def test_command(tmp_path, truth, embeddings, capsys):
    templates, labels = embeddings(truth, 100, 2)
    source = save(tmp_path / "mine.npz", templates, labels)
    target = tmp_path / "mine.toml"
    assert run(["fit", str(source), "--out", str(target), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["identities"] == 100
    assert not shown["trusted"]
    assert shown["goodness"]["warnings"][0].startswith("Too few identities")
    assert run(["predict", str(target), "--gallery", "10000", "--max-fpir", "0.01", "--json"]) == 0
    capsys.readouterr()
    assert run(["fit", str(source), "--mated", str(source), "--out", str(target)]) == 2
    assert "both --mated and --non-mated" in capsys.readouterr().err
    assert run(["fit", str(source), "--out", str(tmp_path / "mine.json")]) == 2
    assert ".toml" in capsys.readouterr().err
