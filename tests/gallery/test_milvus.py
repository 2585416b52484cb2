"""The contract of `flat` on Milvus Lite, the embedded form of Milvus."""

import subprocess
import sys

import numpy as np
import pytest

from biomatch.errors import GalleryError
from biomatch.gallery import Gallery, Where
from biomatch.gallery.flat import exact_top

pytest.importorskip("pymilvus")
COUNT, DIMENSION = 600, 32


@pytest.fixture(scope="module")
def templates():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((9, DIMENSION))[rng.integers(0, 9, COUNT)] * 0.6
    rows = rows + rng.standard_normal((COUNT, DIMENSION))
    rows[40:80] = rows[40]  # ties
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, templates):
    ids = np.random.default_rng(1).permutation(COUNT)
    with Gallery(DIMENSION, "milvus", path=tmp_path_factory.mktemp("milvus") / "g.db") as made:
        for begin in (0, 100, 599):
            some = ids[begin : {0: 100, 100: 599, 599: COUNT}[begin]]
            ports = np.array(["JFK", 'L"AX'])[some % 2].tolist()
            made.enrol(some, templates[some], port=ports, kind="entry_photo", received_at=some)
        yield made


def same(a, b):
    assert a.reference_id.tolist() == b.reference_id.tolist()
    assert a.score.tobytes() == b.score.tobytes()
    assert a.enrolled_count == b.enrolled_count


@pytest.mark.parametrize("length", [1, 20, 45, COUNT + 3])
def test_lists_are_those_of_flat(gallery, templates, length):
    """Ties and list lengths above N included: 40 references share one template."""
    probes = np.concatenate([templates[38:42], templates[-3:]])
    same(gallery.identify(probes, length), exact_top(probes, templates, np.arange(COUNT), length))


def test_filters_are_those_of_flat(gallery, templates):
    ids = np.arange(COUNT)
    cases = [
        (Where(ports=['L"AX']), ids % 2 == 1),
        (Where(ports=["JFK", "nowhere"], received_before=100), (ids % 2 == 0) & (ids < 100)),
        (Where(kinds=["watchlist"]), ids < 0),
        (Where(ports=[]), ids < 0),
        (Where(reference_ids=np.array([5, 7, 99_999])), np.isin(ids, [5, 7])),
    ]
    for where, mask in cases:
        truth = exact_top(templates[:6], templates[mask], ids[mask], 9)
        same(gallery.identify(templates[:6], 9, where), truth)


def test_verification(gallery, templates):
    ids = np.array([3, 500, 3])
    scores = gallery.verify(ids, templates[[3, 4, 5]])
    flat = Gallery(DIMENSION)
    flat.enrol(np.arange(COUNT), templates)
    assert scores.tobytes() == flat.verify(ids, templates[[3, 4, 5]]).tobytes()


def test_changes_are_seen_by_the_next_search(tmp_path, templates):
    with Gallery(DIMENSION, "milvus", path=tmp_path / "g.db") as gallery:
        assert gallery.identify(templates[:2], 3).reference_id.tolist() == [[-1] * 3] * 2
        gallery.enrol(np.arange(50), templates[:50])
        with pytest.raises(GalleryError, match="reference 7 is enrolled already"):
            gallery.enrol([60, 7], templates[:2])
        with pytest.raises(GalleryError, match="reference 60 is not enrolled"):
            gallery.retire([7, 60])
        assert len(gallery) == 50
        gallery.retire(np.arange(0, 50, 2))
        odd = np.arange(1, 50, 2)
        same(gallery.identify(templates[:4], 30), exact_top(templates[:4], templates[odd], odd, 30))
        assert gallery.erase(np.array([1, 2, 3])) == 2  # 2 was retired, that is deleted, before
        gallery.enrol([2], templates[99:100])
        assert gallery.identify(templates[99:100], 1).reference_id.tolist() == [[2]]
        assert gallery.verify([2], templates[99:100]).tolist() == [pytest.approx(1)]
        with pytest.raises(GalleryError, match="reference 1 is not enrolled"):
            gallery.verify([1], templates[:1])
        with pytest.raises(GalleryError, match="enrolled without port"):
            gallery.identify(templates[:1], 1, Where(ports=["JFK"]))
        with pytest.raises(GalleryError, match="enrolled without received_at"):
            gallery.identify(templates[:1], 1, Where(received_before=5))
        assert gallery.index_loss_bound(0.3) == 0
        gallery.enrol([70, 71], templates[70:72], received_at=np.array([10, 20]), kind=["a", "b"])
        gallery.retire(np.concatenate([odd[2:], [2]]))
        assert gallery.erase_received_before(20) == 1
        assert gallery.erase_received_before(30, kinds=["a"]) == 0
        assert gallery.identify(templates[71:72], 2).reference_id.tolist() == [[71, -1]]
        assert gallery.about()["consistency"] == "Strong"
    with Gallery(DIMENSION, "milvus", path=tmp_path / "g.db") as again:
        assert len(again) == 1
    with pytest.raises(GalleryError, match="dimension 8"):
        Gallery(8, "milvus", path=tmp_path / "g.db")


def test_a_collection_can_be_copied_to_a_folder(gallery, templates, tmp_path):
    gallery.save(tmp_path / "copy")
    with Gallery.open(tmp_path / "copy") as copy:
        assert copy.about()["index"] == "flat"
        where = Where(ports=["JFK"], received_before=300)
        same(copy.identify(templates[:5], 9, where), gallery.identify(templates[:5], 9, where))


def test_what_cannot_be_is_refused(gallery, templates, tmp_path):
    with pytest.raises(GalleryError, match="without a path"):
        Gallery(DIMENSION, "milvus")
    with pytest.raises(GalleryError, match="list_length = 20000"):
        gallery.identify(templates[:1], 20_000)
    with pytest.raises(GalleryError, match="float64"):
        gallery.identify(templates[:1].astype(np.float64))


def test_without_pymilvus_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['pymilvus'] = None\n"
        "from biomatch.errors import GalleryError\n"
        "from biomatch.gallery import Gallery\n"
        "try:\n    Gallery(8, 'milvus', path='x.db')\n"
        "except GalleryError as fault:\n    print(fault)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == (
        "index = 'milvus' needs pymilvus, which is not installed; "
        "install the extra: pip install 'biomatch[milvus]'\n"
    )


def test_any_letters_may_stand_in_a_filter(tmp_path, templates):
    names = [
        "Zürich", "東京", 'a "quoted" one', "back\\slash", "it's", "new\nline", "tab\t", "\\n", "\\u0041",
        "🛂", "a, b] or 1 == 1", "\x01", "carriage\rreturn",
    ]  # fmt: skip
    ids = np.arange(len(names))
    with Gallery(DIMENSION, "milvus", path=tmp_path / "g.db") as gallery:
        gallery.enrol(ids, templates[ids], port=names, kind=names)
        for at, name in enumerate(names):
            for where in (Where(ports=[name]), Where(kinds=[name, "nowhere"])):
                found = gallery.identify(templates[at : at + 1], 3, where)
                assert found.reference_id.tolist() == [[at, -1, -1]], name
        with pytest.raises(GalleryError, match="a word that is not empty"):
            Where(ports=[""])


@pytest.mark.parametrize(
    "uri", ["http://admin:s3cr%40t!@127.0.0.1:1", "ftp://s3cr%40t!@host", "http://a:s3cr@t!@::1"]
)
def test_no_message_has_the_password_of_an_address(uri):
    with pytest.raises(GalleryError) as refused:
        Gallery(DIMENSION, "milvus", path=uri)
    assert "***@" in str(refused.value)
    for secret in ("s3cr", "t!@", "t!"):
        assert secret not in str(refused.value)


def test_what_is_interrupted_half_way_is_settled(gallery, tmp_path, templates, monkeypatch):
    from biomatch.gallery.milvus import index as milvus

    monkeypatch.setattr(milvus, "_ROWS", 10)
    with Gallery(DIMENSION, "milvus", path=tmp_path / "g.db") as gallery:
        gallery.enrol(np.arange(40), templates[:40])
        client, asked = gallery._keeper._client, []
        for what in ("insert", "delete"):
            plain = getattr(client, what)

            def second(*given, plain=plain, what=what, **named):
                asked.append(what)
                if len(asked) == 2:
                    raise KeyboardInterrupt
                return plain(*given, **named)

            monkeypatch.setattr(client, what, second)
        with pytest.raises(KeyboardInterrupt):
            gallery.enrol(np.arange(100, 140), templates[100:140])
        assert asked[:3] == ["insert", "insert", "delete"]
        assert len(gallery) == 40
        asked.clear()
        with pytest.raises(KeyboardInterrupt):
            gallery.retire(np.arange(30))
        assert len(gallery) == 10
        gallery.close()
        with pytest.raises(GalleryError, match="was closed"):
            len(gallery)
