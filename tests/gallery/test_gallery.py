import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import GalleryError
from biomatch.gallery import Gallery, Where
from biomatch.gallery.flat import exact_top
from biomatch.gallery.memory.local import COMPACT_ROWS


def same(a, b):
    assert a.reference_id.tolist() == b.reference_id.tolist()
    assert a.score.tobytes() == b.score.tobytes()
    assert a.enrolled_count == b.enrolled_count


def test_an_empty_gallery_gives_padded_lists(faces):
    found = Gallery(dimension=32).identify(faces(3), 4)
    assert found.reference_id.tolist() == [[-1] * 4] * 3
    assert np.isneginf(found.score).all()
    assert found.enrolled_count == 0
    assert len(Gallery(dimension=32).identify(faces(0), 4)) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("erxc"), st.integers(0, 30), st.integers(1, 9)), max_size=25))
def test_any_history_leaves_the_state_that_a_dictionary_keeps(steps):
    """Enrol (ids in any order, retired ids again), retire, erase, compact: the same lists as a rebuild."""
    rng = np.random.default_rng(0)
    pool = rng.standard_normal((400, 8)).astype(np.float32)
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    gallery, kept, used = Gallery(dimension=8), {}, 0
    for what, first, count in steps:
        span = [(first * 7 + 3 * i) % 31 for i in range(count)]
        if what == "e":
            new = np.array([i for i in span if i not in kept], np.int64)
            gallery.enrol(new, pool[used : used + len(new)])
            kept.update(zip(new.tolist(), range(used, used + len(new)), strict=True))
            used += len(new)
        elif what == "c":
            gallery.compact()
        else:
            gone = np.array([i for i in span if i in kept], np.int64)
            (gallery.retire if what == "r" else gallery.erase)(gone)
            for i in gone.tolist():
                del kept[i]
        ids = np.array(sorted(kept), np.int64)
        templates = pool[[kept[i] for i in ids]].reshape(-1, 8)
        same(gallery.identify(pool[-3:], 6), exact_top(pool[-3:], templates, ids, 6))
        assert len(gallery) == len(kept)
        if len(ids):
            scores = gallery.verify(ids, np.repeat(pool[-1:], len(ids), axis=0))
            assert scores.tolist() == [
                float(exact_top(pool[-1:], templates[i : i + 1], ids[i : i + 1], 1).score[0, 0])
                for i in range(len(ids))
            ]


def test_filters(faces):
    templates, probes = faces(300), faces(4, seed=8)
    ids = np.arange(300)
    ports = np.array(["JFK", "LAX", "ORD"])[ids % 3]
    kinds = np.array(["entry_photo", "watchlist"])[(ids // 3) % 2]
    received = np.datetime64("2026-01-01", "ms") + ids * np.timedelta64(1, "h")
    gallery = Gallery(dimension=32)
    gallery.enrol(ids, templates, port=ports.tolist(), kind=kinds, received_at=received)
    gallery.retire(np.array([0, 1, 2]))
    cases = [
        (Where(ports=["JFK"]), ports == "JFK"),
        (Where(ports=["JFK", "ORD"], kinds=("watchlist",)), (ports != "LAX") & (kinds == "watchlist")),
        (Where(received_before=received[100]), ids < 100),
        (Where(received_before=dt.datetime(2026, 1, 2)), ids < 24),
        (Where(reference_ids=np.array([5, 7, 2, 9999])), np.isin(ids, [5, 7])),
        (Where(ports=["nowhere"]), ids < 0),
        (Where(), ids >= 0),
    ]
    for where, mask in cases:
        mask = mask & (ids > 2)
        same(gallery.identify(probes, 20, where), exact_top(probes, templates[mask], ids[mask], 20))
    gallery.compact()
    for where, mask in cases:
        mask = mask & (ids > 2)
        same(gallery.identify(probes, 20, where), exact_top(probes, templates[mask], ids[mask], 20))


def test_a_filter_by_what_was_never_said_is_refused(faces):
    gallery = Gallery(dimension=32)
    gallery.enrol(np.arange(5), faces(5))
    gallery.enrol(np.arange(5, 8), faces(3, seed=2), port="JFK", received_at=0)
    for where in (Where(ports=["JFK"]), Where(kinds=["watchlist"]), Where(received_before=5)):
        with pytest.raises(GalleryError, match="were enrolled without"):
            gallery.identify(faces(1), 2, where)
    with pytest.raises(GalleryError, match="sequence of names"):
        Where(ports="JFK")


def test_retired_rows_are_dropped_before_they_cost_much(faces):
    count = 4 * COMPACT_ROWS
    gallery = Gallery(dimension=8)
    gallery.enrol(np.arange(count), faces(count, 8))
    gallery.retire(np.arange(0, count, 3))
    assert gallery.about()["rows"] == len(gallery) == count - len(range(0, count, 3))


def test_many_small_enrolments_do_not_copy_the_gallery(faces):
    templates = faces(2000, 8)
    gallery = Gallery(dimension=8)
    for i in range(2000):
        gallery.enrol(np.array([(i * 7) % 2000]), templates[i : i + 1])
    order = (np.arange(2000) * 7) % 2000
    same(gallery.identify(templates[:3], 9), exact_top(templates[:3], templates, order, 9))
    # each row is merged into a longer run a logarithmic number of times
    assert len(gallery._keeper.register._runs) <= 12


def test_memory_maps_can_be_enrolled(tmp_path, faces):
    np.save(tmp_path / "t.npy", faces(500))
    mapped = np.load(tmp_path / "t.npy", mmap_mode="r")
    gallery = Gallery(dimension=32)
    gallery.enrol(np.arange(100), mapped[200:300])
    gallery.enrol(np.arange(100, 150), mapped[::10])
    same(
        gallery.identify(mapped[:2], 5),
        exact_top(mapped[:2], np.concatenate([mapped[200:300], mapped[::10]]), np.arange(150), 5),
    )
    assert not isinstance(gallery.verify(np.array([3]), mapped[203:204]), np.memmap)


def test_erased_templates_leave_the_gallerys_memory(faces):
    templates = faces(100)
    gallery = Gallery(dimension=32)
    gallery.enrol(np.arange(100), templates)
    gallery.retire(np.array([5]))
    before = gallery._keeper.store.pieces()
    assert gallery.erase(np.array([5, 9, 99])) == 3
    assert gallery.erase(np.array([5, 9, 99])) == 0
    room = b"".join(piece.tobytes() for piece in [*before, *gallery._keeper.store.pieces()])
    for gone in (5, 9, 99):
        assert templates[gone].tobytes() not in room
    assert templates[6].tobytes() in room


BAD = [
    (lambda t: t.astype(np.float64), "float64.*float32.*astype"),
    (lambda t: t.astype(np.float16), "float16"),
    (lambda t: t.astype(">f4"), "type >f4"),
    (lambda t: t[:, :31].copy(), r"\(4, 31\).*\(n, 32\)"),
    (lambda t: t[0], r"\(32,\)"),
    (lambda t: t * 2, "row 0 .* has length 2"),
    (lambda t: np.where(np.arange(4)[:, None] == 2, np.nan, t).astype(np.float32), "row 2 .* NaN"),
    (lambda t: np.where(np.arange(4)[:, None] == 1, np.inf, t).astype(np.float32), "row 1 .* infinite"),
    (lambda t: np.where(np.arange(4)[:, None] == 3, 0, t).astype(np.float32), "row 3 .* is zero"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD)
def test_templates_that_cannot_be_used_are_refused(faces, spoil, message):
    gallery = Gallery(dimension=32)
    gallery.enrol(np.arange(4), faces(4))
    bad = spoil(faces(4))
    for attempt in (
        lambda: gallery.enrol(np.arange(10, 14), bad),
        lambda: gallery.identify(bad),
        lambda: gallery.verify(np.arange(4), bad),
        lambda: exact_top(bad, faces(4), np.arange(4), 2),
    ):
        with pytest.raises(GalleryError, match=message):
            attempt()
    assert len(gallery) == 4
    fine = gallery.identify(np.asfortranarray(faces(4)), 3)
    same(fine, exact_top(faces(4), faces(4), np.arange(4), 3))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([3, -1, 5, 6], "reference id -1; .*padding"),
        ([3, 3, 5, 6], "reference id 3 twice"),
        ([3, 4, 5], "3 reference ids for 4"),
        ([0.5, 1, 2, 3], "float64"),
        ([[1], [2], [3], [4]], "shape"),
        (np.array([1, 2, 3, 2**63], np.uint64), "9223372036854775808"),
        ([100, 8, 9, 10], "reference 100 is enrolled already"),
    ],
)
def test_ids_that_cannot_be_used_are_refused(faces, ids, message):
    gallery = Gallery(dimension=32)
    gallery.enrol([100], faces(1))
    with pytest.raises(GalleryError, match=message):
        gallery.enrol(ids, faces(4))
    assert len(gallery) == 1


def test_unknown_ids_and_bad_lengths_are_refused(faces):
    gallery = Gallery(dimension=32)
    gallery.enrol([1, 2], faces(2))
    gallery.retire([2])
    for call in (lambda: gallery.retire([1, 2]), lambda: gallery.verify([2], faces(1))):
        with pytest.raises(GalleryError, match="reference 2 is not enrolled"):
            call()
    assert len(gallery) == 1
    for length in (0, -3, 2.0, True, None):
        with pytest.raises(GalleryError, match="list_length"):
            gallery.identify(faces(1), length)
    for wrong in ({"dimension": 0}, {"index": "hnsw"}, {"threads": 0}):
        with pytest.raises(GalleryError):
            Gallery(**wrong)


def test_the_callers_blas_threads_come_back(faces):
    from threadpoolctl import threadpool_info, threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        before = [pool["num_threads"] for pool in threadpool_info()]
        gallery = Gallery(dimension=32, threads=1)
        gallery.enrol([1], faces(1))
        gallery.identify(faces(1))
        assert [pool["num_threads"] for pool in threadpool_info()] == before
