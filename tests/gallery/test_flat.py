import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.gallery import Gallery
from biomatch.gallery.flat import PROBES_A_PASS, best_rows, exact_top, rounding_margin
from biomatch.gallery.scoring import exact_scores, pair_scores


def same(found, ids, scores):
    assert found.reference_id.tolist() == ids.tolist()
    assert found.score.tobytes() == scores.tobytes()


@pytest.mark.parametrize("dimension", [1, 2, 5, 31, 512])
def test_lists_are_those_of_the_slow_twin(faces, twin, dimension):
    templates, probes = faces(60, dimension), faces(9, dimension, seed=5)
    ids = np.random.default_rng(2).permutation(1000)[:60]
    for length in (1, 7, 60, 75):
        same(exact_top(probes, templates, ids, length), *twin(probes, templates, ids, length))
        gallery = Gallery(dimension=dimension)
        gallery.enrol(ids, templates)
        same(gallery.identify(probes, length), *twin(probes, templates, ids, length))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 40), st.integers(1, 12), st.integers(1, 45), st.integers(1, 6), st.integers(0, 2**32 - 1)
)
def test_ties_are_by_score_then_id(count, probe_count, length, distinct, seed):
    """Many references with the very same template: which of them is listed follows from the ids alone."""
    rng = np.random.default_rng(seed)
    few = np.eye(8, dtype=np.float32)[:distinct]
    templates = few[rng.integers(0, distinct, count)].reshape(count, 8)
    ids = rng.permutation(500)[:count]
    probes = few[rng.integers(0, distinct, probe_count)]
    found = exact_top(probes, templates, ids, length)
    for i, probe in enumerate(probes):
        ranked = sorted(zip(-(templates @ probe), ids.tolist(), strict=True))[:length]
        padding = length - len(ranked)
        assert found.reference_id[i].tolist() == [reference for _, reference in ranked] + [-1] * padding
        assert found.score[i].tolist() == [-negative for negative, _ in ranked] + [-np.inf] * padding


def test_answers_do_not_depend_on_batch_threads_or_blocks(faces):
    templates, probes = faces(6000, 64), faces(PROBES_A_PASS + 40, 64, seed=3)
    ids = np.arange(6000)
    whole = exact_top(probes, templates, ids, 20)
    for threads in (1, 2):
        gallery = Gallery(dimension=64, threads=threads)
        for begin in range(0, 6000, 700):
            gallery.enrol(ids[begin : begin + 700], templates[begin : begin + 700])
        same(gallery.identify(probes, 20), whole.reference_id, whole.score)
        for size in (1, 7, 100):
            part = gallery.identify(probes[:size], 20)
            same(part, whole.reference_id[:size], whole.score[:size])
    shorter = exact_top(probes, templates, ids, 5)
    same(shorter, whole.reference_id[:, :5], whole.score[:, :5])


def test_scan_keeps_what_rounding_could_lift(faces):
    """Near-ties far below float32's resolution of a sum: membership is decided by the exact scores."""
    rng = np.random.default_rng(0)
    base = faces(1, 512)
    near = base + rng.standard_normal((4000, 512)).astype(np.float32) * 3e-7
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    found = exact_top(base, near, np.arange(4000), 20)
    scores = pair_scores(np.repeat(base, 4000, axis=0), near)
    order = np.lexsort((np.arange(4000), -scores))[:20]
    assert found.reference_id[0].tolist() == order.tolist()


def test_margin_covers_the_worst_of_many_products(faces):
    a, b = faces(3000, 512), faces(3000, 512, seed=9)
    truth = np.einsum("ij,ij->i", a, b, dtype=np.longdouble)
    for product in (np.einsum("ij,ij->i", a, b), np.diagonal(a[:500] @ b[:500].T)):
        assert np.abs(product - truth[: len(product)]).max() < rounding_margin(512) / 2


def test_scan_drops_nearly_everything(faces):
    who, _ = best_rows(faces(50, 64, seed=4), [(0, faces(8000, 64), None)], 20)
    assert 50 * 20 <= len(who) < 50 * 40


def test_scores_of_a_pair_do_not_depend_on_its_company(faces):
    a, b = faces(300, 512), faces(300, 512, seed=1)
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 300, 1000), rng.integers(0, 300, 1000)
    together = exact_scores(a, left, b, right)
    alone = [exact_scores(a, left[i : i + 1], b, right[i : i + 1])[0] for i in range(1000)]
    assert together.tobytes() == np.array(alone, np.float32).tobytes()
    assert exact_scores(b, right, a, left).tobytes() == together.tobytes()
    truth = np.einsum("ij,ij->i", a[left], b[right], dtype=np.longdouble)
    assert np.abs(together - truth).max() <= 2**-24
