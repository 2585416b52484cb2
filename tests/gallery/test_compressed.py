import faiss
import numpy as np
import pytest

from biomatch.errors import GalleryError
from biomatch.gallery import Gallery, Where
from biomatch.gallery.auto import EXACT_VALUES
from biomatch.gallery.coding import codes as codes_module
from biomatch.gallery.coding.codes import CodeSegments
from biomatch.gallery.coding.compressed import EXACT_BELOW, TRAINING_ROWS, CompressedIndex
from biomatch.gallery.coding.rerank import CoarseRanker, ExactRanker, may_be_listed
from biomatch.gallery.flat import exact_top
from biomatch.gallery.memory.store import MemoryStore

COUNT, DIMENSION, FLOOR = 20_000, 64, 0.75


@pytest.fixture(scope="module")
def templates():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((40, DIMENSION))
    rows = centres[rng.integers(0, 40, COUNT)] * 0.5 + rng.standard_normal((COUNT, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def filled(templates):
    made = {}
    for rank_from in ("exact", "int8", "float16"):
        gallery = Gallery(DIMENSION, "compressed", floor_score=FLOOR, threads=2, rank_from=rank_from)
        for begin in range(0, COUNT, 3000):
            some = templates[begin : begin + 3000]
            gallery.enrol(np.arange(begin, begin + len(some)), some)
        made[rank_from] = gallery
    return made


def same(a, b):
    assert a.reference_id.tolist() == b.reference_id.tolist()
    assert a.score.tobytes() == b.score.tobytes()
    assert a.enrolled_count == b.enrolled_count


def same_above(found, truth, floor):
    """Every entry that scores `floor` or more is there, with the very score and rank of exact search."""
    above = truth.score >= floor
    assert (found.reference_id[above] == truth.reference_id[above]).all()
    assert found.score[above].tobytes() == truth.score[above].tobytes()
    assert above[:, 0].sum() > len(above) / 2


def test_what_matters_is_found_with_exact_scores(filled, templates, captures):
    probes = captures(templates[:600:2], noise=0.6)
    truth = exact_top(probes, templates, np.arange(COUNT), 10)
    assert filled["exact"].about()["trained"]
    for gallery in filled.values():
        same_above(gallery.identify(probes, 10), truth, FLOOR)


def test_lists_do_not_depend_on_batch_threads_or_enrolment(filled, templates, captures):
    probes = captures(templates[:300], noise=0.8)
    whole = filled["exact"].identify(probes, 15)
    for size in (1, 3, 100):
        for begin in range(0, 200, 67):
            part = filled["exact"].identify(probes[begin : begin + size], 15)
            assert part.reference_id.tolist() == whole.reference_id[begin : begin + size].tolist()
            assert part.score.tobytes() == whole.score[begin : begin + size].tobytes()
    other = Gallery(DIMENSION, "compressed", floor_score=FLOOR, threads=1)
    other.enrol(np.arange(COUNT), templates)
    same(other.identify(probes, 15), whole)
    for rank_from in ("int8", "float16"):
        same(filled[rank_from].identify(probes, 15), whole)


def test_lists_do_not_depend_on_segments_or_on_a_pilot(templates, captures, monkeypatch):
    def made():
        gallery = Gallery(DIMENSION, "compressed", floor_score=FLOOR, threads=2, rank_from="int8")
        gallery.enrol(np.arange(COUNT), templates)
        return gallery

    probes, pilots, scan_first = captures(templates[:300], noise=0.8), [], CodeSegments.pilot

    def noted(codes, some, fetch):
        pilots.append(len(some))
        return scan_first(codes, some, fetch)

    monkeypatch.setattr(CodeSegments, "pilot", noted)
    one = made()
    monkeypatch.setattr(codes_module, "SEGMENT_ROWS", 3_000)
    many = made()
    same(many.identify(probes, 15), one.identify(probes, 15))
    for begin in range(30):
        probe = probes[begin : begin + 1]
        same(many.identify(probe, 15), one.identify(probe, 15))
    assert sum(pilots) == len(probes)
    # A first segment that tells nothing: its rows are not searched; then hardly any of them is left.
    for gallery in (one, many):
        gallery.retire(np.arange(3_000))
    same(many.identify(probes, 15), one.identify(probes, 15))
    assert sum(pilots) == 2 * len(probes)
    for gallery in (one, many):
        gallery.erase(np.arange(2_900))
    same(many.identify(probes, 15), one.identify(probes, 15))
    assert sum(pilots) == 2 * len(probes)
    assert many.about()["looked_at_mean"] == one.about()["looked_at_mean"]


def test_every_list_is_full(filled, templates):
    found = filled["int8"].identify(templates[:5], 600)
    assert (found.reference_id >= 0).all()
    assert filled["int8"].identify(templates[:2], COUNT + 5).reference_id.shape == (2, COUNT + 5)


def test_retirement_filters_and_compaction(templates, captures):
    gallery = Gallery(DIMENSION, "compressed", floor_score=FLOOR)
    gallery.enrol(np.arange(COUNT), templates, port=np.array(["A", "B"])[np.arange(COUNT) % 2].tolist())
    probes = captures(templates[:200], noise=0.5)
    gone = np.arange(1, COUNT, 7)
    gallery.retire(gone)
    there = np.delete(np.arange(COUNT), gone)
    for _ in range(2):
        found = gallery.identify(probes, 10)
        assert not np.isin(found.reference_id, gone).any()
        truth = exact_top(probes, templates[there], there, 10)
        same_above(found, truth, FLOOR)
        assert found.enrolled_count == len(there)
        half = there[there % 2 == 0]
        same(gallery.identify(probes, 10, Where(ports=["A"])), exact_top(probes, templates[half], half, 10))
        gallery.compact()
    assert gallery.about()["rows"] == len(there)


def test_erased_codes_are_overwritten(templates):
    gallery = Gallery(DIMENSION, "compressed", floor_score=FLOOR, rank_from="int8")
    gallery.enrol(np.arange(COUNT), templates)
    whole = gallery._keeper.index._codes
    (codes,) = whole._segments
    gone = np.arange(len(whole) - 50, len(whole))  # the rows after them have no codes yet
    flat = codes.pq.compute_codes(whole._padded(templates[gone]))
    packer, stride = codes.get_CodePacker(), codes.get_block_stride()

    def last_blocks(codes):
        table = faiss.rev_swig_ptr(codes.codes.get(), codes.codes.size())
        seen = []
        for block in range(codes.codes.size() // stride):
            for place in range(codes.bbs):
                out = np.empty(codes.code_size, np.uint8)
                packer.unpack_1_c(faiss.swig_ptr(table[block * stride :]), place, faiss.swig_ptr(out))
                seen.append(out.tobytes())
        return set(seen)

    there = np.delete(np.arange(COUNT), gone)
    kept = {row.tobytes() for row in codes.pq.compute_codes(whole._padded(templates[there]))}
    only_gone = {row.tobytes() for row in flat} - kept
    assert only_gone
    assert only_gone <= last_blocks(codes)
    assert gallery.erase(gone) == 50
    (fewer,) = gallery._keeper.index._codes._segments
    assert not only_gone & (last_blocks(codes) | last_blocks(fewer))
    truth = exact_top(templates[:50], templates[there], there, 5)
    same_above(gallery.identify(templates[:50], 5), truth, FLOOR)


def test_a_small_gallery_is_searched_exactly(templates):
    gallery = Gallery(DIMENSION, "compressed", floor_score=FLOOR)
    for end in (10, TRAINING_ROWS - 1, TRAINING_ROWS, EXACT_BELOW):
        gallery.enrol(np.arange(len(gallery), end), templates[len(gallery) : end])
        truth = exact_top(templates[:3], templates[:end], np.arange(end), 5)
        same(gallery.identify(templates[:3], 5), truth)
        assert gallery.index_loss_bound() == 0


def test_training_templates_can_be_given(templates):
    gallery = Gallery(DIMENSION, "compressed", floor_score=FLOOR, training=templates[:TRAINING_ROWS])
    assert gallery.about()["trained"]
    with pytest.raises(GalleryError, match="5 training templates"):
        Gallery(DIMENSION, "compressed", training=templates[:5])
    for wrong in ({"rank_from": "int4"}, {"loss_budget": 0.0}, {"floor_score": 3.0}):
        with pytest.raises(GalleryError):
            Gallery(DIMENSION, "compressed", **wrong)


def test_auto_switches_and_says_why():
    count, dimension = EXACT_VALUES // 512, 512
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((count + 2, dimension), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    gallery = Gallery(dimension, "auto", training=rows[:TRAINING_ROWS])
    gallery.enrol(np.arange(count), rows[:count])
    about = gallery.about()
    assert about["index"] == "flat"
    assert "at most" in about["because"]
    gallery.enrol(np.array([count, count + 1]), rows[count:])
    about = gallery.about()
    assert about["index"] == "compressed"
    assert "more than" in about["because"]
    assert gallery.identify(rows[-2:], 1).reference_id.tolist() == [[count], [count + 1]]
    gallery.retire(np.arange(count))
    gallery.compact()
    assert gallery.about()["because"] == "it has been larger"
    assert gallery.identify(rows[-2:], 3).reference_id[0].tolist()[2] == -1


def test_odd_dimensions_are_padded(faces):
    templates = faces(EXACT_BELOW + 100, 7)
    gallery = Gallery(7, "compressed", floor_score=0.9)
    gallery.enrol(np.arange(len(templates)), templates)
    truth = exact_top(templates[:40], templates, np.arange(len(templates)), 1)
    same(gallery.identify(templates[:40], 1), truth)


def test_the_callers_faiss_threads_come_back(filled, templates):
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        filled["exact"].identify(templates[:3])
        assert faiss.omp_get_max_threads() == 1
    finally:
        faiss.omp_set_num_threads(before)


@pytest.mark.parametrize("kind", ["int8", "float16"])
def test_coarse_stores_lose_nothing(templates, captures, kind):
    """Ranking from coarse copies keeps every row that exact scores put into the list."""
    store = MemoryStore(DIMENSION).appended(templates[:3000])
    ranker = CoarseRanker(DIMENSION, kind).added(templates[:3000])
    probes = captures(templates[:20], noise=1.0)
    every = np.arange(3000)
    for probe in probes:
        scores, distance = ranker.look(store, every, probe)
        exact, none = ExactRanker().look(store, every, probe)
        assert (np.abs(scores - exact) <= distance).all()
        assert (distance < 0.05).all()
        assert not none.any()
    rows = np.random.default_rng(0).integers(0, 3000, (20, 400))
    rows = np.sort(rows, axis=1)
    valid = np.ones(rows.shape, bool)
    valid[:, 1:] = rows[:, 1:] != rows[:, :-1]
    who, kept = may_be_listed(probes, store, ranker, rows, valid, 10)
    exact_who, exact = may_be_listed(probes, store, ExactRanker(), rows, valid, 10)
    assert set(zip(exact_who.tolist(), exact.tolist(), strict=True)) <= set(
        zip(who.tolist(), kept.tolist(), strict=True)
    )
    assert len(who) < 20 * 200


def test_the_law_knows_the_codes(templates):
    index = CompressedIndex(DIMENSION, threads=1, floor_score=FLOOR, at_floor=True)
    store = MemoryStore(DIMENSION).appended(templates)
    index = index.added(store, 0, templates)
    law = index.law(store)
    c = index.code_score(store)
    assert law.bound(FLOOR, c) <= 1e-6
    assert law.bound(FLOOR, c + 0.01) > 1e-6
    scores = np.linspace(0, 1, 21)
    bounds = [law.bound(score, c) for score in scores]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > 0.9
    assert index.loss_bound(store, 1.0) < 1e-12
