"""A user's own embeddings: read with care, searched by the gallery, judged like everything else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.cli import run
from biomatch.errors import TableError
from biomatch.evaluation.own_embeddings import identify_own
from biomatch.tables.embeddings import read_embeddings


def some(count, subjects, seed, dimension=16):
    random = np.random.default_rng(seed)
    labels = random.integers(0, subjects, count)
    codes = np.random.default_rng(0).standard_normal((subjects, dimension))
    vectors = codes[labels] + random.standard_normal((count, dimension))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, np.array([f"s{label}" for label in labels])


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 99), st.integers(1, 50))
def test_the_curve_is_what_a_double_loop_says(references, probes, seed, length):
    faces, names = some(references, 12, seed)
    others, asked = some(probes, 15, seed + 1)
    curve = identify_own(faces, names, others, asked, list_length=length, batch=7)
    mates, ranks, tops = [], [], []
    for probe, label in zip(others, asked, strict=True):
        scored = [
            (float(np.float32((probe.astype(np.float64) * face).sum())), -i, names[i])
            for i, face in enumerate(faces.astype(np.float64))
        ]
        scored.sort(reverse=True)
        own = [score for score, _, name in scored if name == label]
        if own:
            place = 1 + next(i for i, one in enumerate(scored) if one[2] == label)
            mates.append(own[0])
            ranks.append(place if place <= length else 0)
        else:
            tops.append(scored[0][0])
    assert np.allclose(curve.mated_scores, mates, atol=1e-6)
    assert curve.mated_ranks.tolist() == ranks
    assert np.allclose(curve.non_mated_top_scores, tops, atol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"templates": np.ones((3, 4))}, "no labels"),
        ({"labels": np.arange(3)}, "no embeddings"),
        ({"templates": np.ones(3), "labels": np.arange(3)}, "shape"),
        ({"templates": np.ones((3, 4)), "labels": np.arange(2)}, "2 labels for 3"),
        ({"templates": np.array([[1, 2], [np.nan, 1]]), "labels": np.arange(2)}, "row 1 .* not finite"),
        ({"templates": np.array([[1, 2], [0, 0]]), "labels": np.arange(2)}, "row 1 .* zero"),
        ({"templates": np.array([["a", "b"]]), "labels": np.arange(1)}, "numbers"),
    ],
)
def test_bad_embeddings_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(TableError, match=message):
        read_embeddings(tmp_path / "x.npz")


def test_a_pickle_is_never_loaded(tmp_path):
    np.savez(tmp_path / "x.npz", templates=np.array([{"a": 1}], dtype=object), labels=np.arange(1))
    with pytest.raises(TableError, match="never loaded"):
        read_embeddings(tmp_path / "x.npz")
    (tmp_path / "y.npz").write_bytes(b"not an archive")
    with pytest.raises(TableError, match="cannot be read"):
        read_embeddings(tmp_path / "y.npz")


def test_labels_may_stand_in_a_file_of_their_own(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    templates, labels = read_embeddings(tmp_path / "x.npy", tmp_path / "labels.txt")
    assert labels.tolist() == ["a", "b", "c"]
    assert templates.dtype == np.float32


def embeddings(path, vectors, labels):
    np.savez(path, templates=vectors, labels=labels)
    return str(path)


def test_a_gallery_that_searches_itself_is_refused(tmp_path, capsys):
    faces, names = some(40, 20, 1)
    references = embeddings(tmp_path / "r.npz", faces, names)
    assert run(["identify", references, references, "--out", str(tmp_path / "out")]) == 2
    assert "find itself" in capsys.readouterr().err
    mixed = embeddings(
        tmp_path / "p.npz", np.r_[faces[:5], some(35, 20, 2)[0]], np.r_[names[:5], some(35, 20, 2)[1]]
    )
    assert run(["identify", references, mixed, "--out", str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "5 of 40 probes are enrolled images themselves" in told["notes"][0]


def test_n_counts_people_and_labels_that_look_alike_are_told(tmp_path, capsys):
    faces, names = some(60, 20, 1)
    probes, asked = some(50, 20, 3)
    asked[0] = asked[0].upper() + " "
    command = [
        "identify",
        embeddings(tmp_path / "r.npz", faces, names),
        embeddings(tmp_path / "p.npz", probes, asked),
    ]
    assert run([*command, "--out", str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["enrolled_count"], told["enrolled_images"]) == (np.unique(names).size, 60)
    assert "differ by case or spaces" in told["notes"][0]
