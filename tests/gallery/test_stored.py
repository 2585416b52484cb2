import json
import os
import shutil

import numpy as np
import pytest

from biomatch.errors import GalleryError
from biomatch.gallery import Gallery, Where
from biomatch.gallery.disk.contents import seal_of
from biomatch.gallery.disk.files import Place
from biomatch.gallery.disk.segmentstore import SEGMENT_ROWS, SegmentStore
from biomatch.gallery.flat import exact_top

ROWS, DIMENSION = 9_000, 16


@pytest.fixture(scope="module")
def templates():
    rows = np.random.default_rng(4).standard_normal((ROWS, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def master(tmp_path_factory, templates):
    """A compressed gallery with several segments, codes, retired rows, ports, kinds and times."""
    folder = tmp_path_factory.mktemp("gallery") / "master"
    with Gallery(DIMENSION, "compressed", path=folder, floor_score=0.9, rank_from="int8") as gallery:
        for begin in (0, 8200, 8700):
            end = {0: 8200, 8200: 8700, 8700: ROWS}[begin]
            ids = np.arange(begin, end)[::-1].copy()
            gallery.enrol(ids, templates[ids], port="JFK", kind=["a", "b"] * (len(ids) // 2), received_at=ids)
        gallery.retire(np.arange(0, ROWS, 10))
    return folder


@pytest.fixture
def copy(master, tmp_path):
    shutil.copytree(master, tmp_path / "copy")
    return tmp_path / "copy"


def same(a, b):
    assert a.reference_id.tolist() == b.reference_id.tolist()
    assert a.score.tobytes() == b.score.tobytes()
    assert a.enrolled_count == b.enrolled_count


def names(folder, ending):
    return sorted(file.name for file in folder.iterdir() if file.name.endswith(ending))


@pytest.mark.parametrize("check", ["full", "quick"])
def test_what_was_kept_is_what_is_opened(copy, templates, check):
    there = np.delete(np.arange(ROWS), np.arange(0, ROWS, 10))
    with Gallery.open(copy, check=check) as gallery:
        about = gallery.about()
        assert (about["trained"], about["rank_from"], about["floor_score"]) == (True, "int8", 0.9)
        assert len(gallery) == len(there)
        same(gallery.identify(templates[:20], 7), exact_top(templates[:20], templates[there], there, 7))
        early = there[there < 5000]
        where = Where(ports=["JFK"], received_before=5000)
        same(gallery.identify(templates[:9], 7, where), exact_top(templates[:9], templates[early], early, 7))
        assert isinstance(gallery._keeper.store.segments[0].templates.base, np.memmap)
        gallery.enrol(np.array([ROWS]), templates[:1], port="LAX", kind="a", received_at=0)
        assert gallery.identify(templates[:1], 1).reference_id[0, 0] == ROWS
        with pytest.raises(GalleryError, match="enrolled already"):
            gallery.enrol(np.array([11]), templates[:1])
    with Gallery.open(copy, check=check) as gallery:
        assert gallery.identify(templates[:1], 1, Where(ports=["LAX"])).reference_id.tolist() == [[ROWS]]


def test_saving_copies_what_is_enrolled(copy, templates, tmp_path):
    there = np.delete(np.arange(ROWS), np.arange(0, ROWS, 10))
    truth = exact_top(templates[:20], templates[there], there, 7)
    with Gallery.open(copy) as gallery:
        gallery.save(copy)  # it is on disk already
        gallery.save(tmp_path / "second")
    memory = Gallery(DIMENSION)
    memory.enrol([1, 2], templates[:2])
    memory.retire([2])
    memory.save(tmp_path / "third")
    with Gallery.open(tmp_path / "third") as gallery:
        assert gallery.identify(templates[:1], 2).reference_id.tolist() == [[1, -1]]
    with Gallery.open(tmp_path / "second") as gallery:
        same(gallery.identify(templates[:20], 7), truth)
        gallery.save(tmp_path / "third")  # replaces another gallery
    with Gallery.open(tmp_path / "third") as gallery:
        same(gallery.identify(templates[:20], 7), truth)
    for place in ("second", "third"):
        text = (tmp_path / place / "contents.json").read_text()
        assert all(name in text for name in names(tmp_path / place, ".npy"))


def test_an_empty_gallery_can_be_kept(tmp_path, templates):
    Gallery(DIMENSION, path=tmp_path / "g").close()
    with Gallery.open(tmp_path / "g") as gallery:
        assert gallery.identify(templates[:1], 1).reference_id.tolist() == [[-1]]
    with pytest.raises(GalleryError, match=r"holds a gallery already; use Gallery.open"):
        Gallery(DIMENSION, path=tmp_path / "g")


def test_one_owner_at_a_time(copy):
    with Gallery.open(copy), pytest.raises(GalleryError, match="in use"):
        Gallery.open(copy)
    gallery = Gallery.open(copy)
    gallery.close()
    with pytest.raises(GalleryError, match="open the gallery again"):
        gallery.retire([1])


def test_small_enrolments_are_merged(tmp_path, templates):
    with Gallery(DIMENSION, path=tmp_path / "g") as gallery:
        for i in range(100):
            gallery.enrol([i], templates[i : i + 1])
        assert len(gallery._keeper.store.segments) <= 7
        same(gallery.identify(templates[:9], 5), exact_top(templates[:9], templates[:100], np.arange(100), 5))


def test_large_enrolments_are_cut(tmp_path):
    count = 2 * SEGMENT_ROWS + 10
    rows = np.random.default_rng(0).standard_normal((count, 2), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with Gallery(2, path=tmp_path / "g") as gallery:
        gallery.enrol(np.arange(count), rows)
        assert [len(segment) for segment in gallery._keeper.store.segments] == [SEGMENT_ROWS] * 2 + [10]
        found = gallery.identify(rows[-3:], 4)
        same(found, exact_top(rows[-3:], rows, np.arange(count), 4))
        gallery.erase(np.arange(SEGMENT_ROWS // 2, 2 * SEGMENT_ROWS))
        assert len(gallery._keeper.store.segments) == 1
        same(
            gallery.identify(rows[-3:], 4),
            exact_top(
                rows[-3:],
                np.delete(rows, np.s_[SEGMENT_ROWS // 2 : 2 * SEGMENT_ROWS], axis=0),
                np.delete(np.arange(count), np.s_[SEGMENT_ROWS // 2 : 2 * SEGMENT_ROWS]),
                4,
            ),
        )


def mark(folder):
    """What the names of this gallery's files bear."""
    return json.loads((folder / "contents.json").read_text())["gallery"]


def bytes_of(folder):
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_erasure_leaves_no_bytes_on_disk(copy, templates):
    """Enrolled or retired before: neither template nor register entry nor (unshared) code is left."""
    gone = np.array([20, 21, 8300, ROWS - 1])  # 20 and 8300 were retired
    before = bytes_of(copy)
    assert all(templates[i].tobytes() in before for i in gone)
    opened = [(copy / name).open("rb") for name in names(copy, ".templates.npy")]
    with Gallery.open(copy) as gallery:
        packed = gallery._keeper.index._codes
        codes = packed._segments[0].pq.compute_codes(packed._padded(templates))
        assert gallery.erase(gone) == 4
        after = bytes_of(copy)
        assert not any(templates[i].tobytes() in after for i in gone)
        stored = np.concatenate([np.load(copy / name) for name in names(copy, ".codes.npy")])
        kept = {code.tobytes() for i, code in enumerate(codes) if i not in gone}
        assert {code.tobytes() for code in stored} == kept
        ids = np.concatenate([np.load(copy / name)["id"] for name in names(copy, ".register.npy")])
        assert not np.isin(gone, ids).any()
    # whoever still holds a removed file open finds zeros in it
    for file in opened:
        with file:
            held = file.read()
            if os.fstat(file.fileno()).st_nlink == 0:
                assert not any(held)
    with Gallery.open(copy) as gallery:
        assert gallery.erase(gone) == 0


def test_what_a_killed_writer_left_is_overwritten_at_the_next_opening(copy, templates):
    secret = templates[:1].tobytes()
    left = copy / f"segment-{mark(copy)}-99999999.templates.npy"
    left.write_bytes(secret)
    held = left.open("rb")
    others = ["a user's own notes.txt", "segment-99999999.templates.npy", f"segment-{'0' * 16}-00000001.npy"]
    for name in others:
        (copy / name).write_text("stay")
    Gallery.open(copy, read_only=True).close()
    assert left.exists()
    Gallery.open(copy).close()
    assert not left.exists()
    with held:
        assert not any(held.read())
    assert [(copy / name).read_text() for name in others] == ["stay"] * 3


def reseal(folder, change):
    """Alter the contents as somebody would who knows how they are sealed."""
    contents = json.loads((folder / "contents.json").read_text())
    change(contents)
    contents["seal"] = seal_of([contents[name] for name in ("format", "gallery", "former", "files", "about")])
    (folder / "contents.json").write_text(json.dumps(contents))


def rewrite(folder, name, array):
    """Replace an array and make size, hash and seal fit."""
    import hashlib

    np.save(folder / name, array, allow_pickle=True)
    raw = (folder / name).read_bytes()
    entry = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    reseal(folder, lambda contents: contents["files"].update({name: entry}))


def without_codes(files):
    for name in [name for name in files if "codebook" in name or name.endswith(".codes.npy")]:
        del files[name]


def flip(folder, ending, at=-3):
    file = folder / names(folder, ending)[0]
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1
    file.write_bytes(bytes(raw))


def cut(folder, ending):
    file = folder / names(folder, ending)[0]
    file.write_bytes(file.read_bytes()[:-8])


def swap(folder, ending):
    a, b = (folder / name for name in names(folder, ending)[:2])
    held = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(held)


def first(folder, ending, change):
    name = names(folder, ending)[0]
    rewrite(folder, name, change(np.load(folder / name)))


def with_row(value):
    def change(array):
        array[3] = value
        return array

    return change


def with_field(field, value):
    def change(array):
        array[field][7] = value
        return array

    return change


def twice(array):
    array["id"][1] = array["id"][2]
    return array


def of_dimension(value):
    return lambda folder: reseal(folder, lambda contents: contents["about"].update(dimension=value))


HOSTILE = {
    "no contents": (lambda f: (f / "contents.json").unlink(), "is no gallery"),
    "contents cut": (lambda f: cut(f, "contents.json"), "altered or cut short"),
    "contents flipped": (lambda f: flip(f, "contents.json", 200), "altered or cut short"),
    "contents a list": (lambda f: (f / "contents.json").write_text("[1]"), "altered or cut short"),
    "another kind": (lambda f: reseal(f, lambda c: c.update(kind="world")), "holds a world"),
    "another version": (lambda f: reseal(f, lambda c: c.update(format=99)), "format 99"),
    "no segments": (lambda f: reseal(f, lambda c: c["about"].pop("segments")), "lacks 'segments'"),
    "rows a word": (lambda f: reseal(f, lambda c: c["about"]["segments"][0].update(rows="x")), "lacks"),
    "rows too many": (lambda f: reseal(f, lambda c: c["about"]["segments"][0].update(rows=9)), "shape"),
    "dimension": (of_dimension(15), r"shape \(8200, 16\); allowed: \(8200, 15\)"),
    "dimension a word": (of_dimension("x"), "dimension = 'x'"),
    "index unknown": (lambda f: reseal(f, lambda c: c["about"].update(index="hnsw")), "index = 'hnsw'"),
    "file gone": (lambda f: (f / names(f, ".codes.npy")[0]).unlink(), "lacks the file"),
    "templates cut": (lambda f: cut(f, ".templates.npy"), "bytes instead of"),
    "codes cut": (lambda f: cut(f, ".codes.npy"), "bytes instead of"),
    "templates flipped": (lambda f: flip(f, ".templates.npy"), "content that was recorded"),
    "codes flipped": (lambda f: flip(f, ".codes.npy"), "content that was recorded"),
    "register flipped": (lambda f: flip(f, ".register.npy"), "content that was recorded"),
    "templates swapped": (lambda f: swap(f, ".templates.npy"), "instead of|content that was recorded"),
    "codes of one length swapped": (
        lambda f: (first(f, ".codes.npy", lambda a: a[::-1]), flip(f, ".codes.npy")),
        "content that was recorded",
    ),
    "a pickle": (
        lambda f: rewrite(f, names(f, ".templates.npy")[0], np.array([{"a": 1}], object)),
        "no readable .npy",
    ),
    "float64": (lambda f: first(f, ".templates.npy", lambda a: a.astype(np.float64)), "holds float64"),
    "fortran": (lambda f: first(f, ".templates.npy", np.asfortranarray), "shape"),
    "NaN": (lambda f: first(f, ".templates.npy", with_row(np.nan)), "row 3 of the templates of .* NaN"),
    "infinite": (lambda f: first(f, ".templates.npy", with_row(np.inf)), "infinite"),
    "zero": (lambda f: first(f, ".templates.npy", with_row(0)), "is zero"),
    "long": (lambda f: first(f, ".templates.npy", with_row(1)), "has length 4"),
    "id below 0": (lambda f: first(f, ".register.npy", with_field("id", -1)), "reference id -1"),
    "id twice": (lambda f: first(f, ".register.npy", twice), "twice"),
    "port unknown": (lambda f: first(f, ".register.npy", with_field("port", 5)), "port has no name"),
    "codebook NaN": (
        lambda f: first(f, "codebook-" + names(f, ".npy")[0][9:], with_row(np.nan)),
        "codebook of shape",
    ),
    "no codebook": (
        lambda f: reseal(f, lambda c: (c["about"].update(codebook=""), without_codes(c["files"]))),
        "without its codebook",
    ),
    "files of nobody": (
        lambda f: reseal(f, lambda c: c["about"].update(codebook="")),
        "lists 'codebook-.*', of which nothing is said",
    ),
    "a file outside": (
        lambda f: reseal(f, lambda c: c["about"].update(retired="../retired-00000001")),
        "names a file '../retired",
    ),
    "a former file outside": (
        lambda f: reseal(f, lambda c: c.update(former=["../../thesis.npy"])),
        "names a file",
    ),
    "a mark with a path": (lambda f: reseal(f, lambda c: c.update(gallery="/../../")), "has the mark"),
    "rows true": (lambda f: reseal(f, lambda c: c["about"]["segments"][0].update(rows=True)), "lacks"),
    "rows beyond everything": (
        lambda f: reseal(f, lambda c: c["about"]["segments"][0].update(rows=10**40)),
        "lacks",
    ),
    "deep contents": (
        lambda f: (f / "contents.json").write_text("[" * 100_000),
        "altered or cut short",
    ),
    "a threshold of infinity": (
        lambda f: reseal(f, lambda c: c["about"].update(floor_score=float("inf"))),
        "score inf",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_folders_are_refused_with_a_message(copy, what):
    spoil, message = HOSTILE[what]
    spoil(copy)
    with pytest.raises(GalleryError, match=message):
        Gallery.open(copy)
    (copy / "lock").unlink(missing_ok=True)  # and it is left closed: nothing holds the lock


def test_a_folder_whose_first_writer_was_killed_is_taken_over(tmp_path, templates):
    place = tmp_path / "begun"
    place.mkdir()
    (place / "lock").touch()
    (place / "begun-0123456789abcdef").touch()
    (place / "segment-0123456789abcdef-00000001.templates.npy").write_bytes(b"half a file")
    with pytest.raises(GalleryError, match="is no gallery"):
        Gallery.open(place)
    with Gallery(DIMENSION, path=place) as gallery:
        gallery.enrol([1], templates[:1])
        assert len(names(place, ".templates.npy")) == 1
    assert not list(place.glob("begun-*"))


def test_a_folder_that_lost_its_contents_is_not_taken_for_one_that_was_begun(copy):
    """Its templates may be the only ones that there are."""
    (copy / "contents.json").unlink()
    before = bytes_of(copy)
    for attempt in (lambda: Gallery(DIMENSION, path=copy), lambda: Gallery(DIMENSION).save(copy)):
        with pytest.raises(GalleryError, match="already holds something else"):
            attempt()
    assert bytes_of(copy) == before


def test_places_that_are_taken_are_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for attempt in (
        lambda: Gallery(DIMENSION, path=tmp_path / "mine"),
        lambda: Gallery(DIMENSION).save(tmp_path / "mine"),
        lambda: Gallery.open(tmp_path / "mine"),
        lambda: Gallery.open(tmp_path / "nowhere"),
    ):
        with pytest.raises(GalleryError, match=r"already holds something else|is no gallery"):
            attempt()
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_full_disk_leaves_the_last_state(copy, templates, monkeypatch):
    gallery = Gallery.open(copy)

    def refuse(self, *about):
        raise OSError(28, "No space left on device")

    there = len(gallery)
    for step in (SegmentStore, "write"), (Place, "write_array"), (Place, "replace"):
        with monkeypatch.context() as full:
            full.setattr(*step, refuse)
            with pytest.raises(GalleryError, match="No space left on device"):
                gallery.enrol([ROWS + 5], templates[:1])
        assert len(gallery) == there
        assert gallery.identify(templates[1:2], 1).reference_id.tolist() == [[1]]
        with pytest.raises(GalleryError, match="is not enrolled"):
            gallery.verify([ROWS + 5], templates[:1])
    gallery.enrol([ROWS + 6], templates[:1])  # there is space again
    gallery.close()
    with Gallery.open(copy) as again:
        assert len(again) == there + 1
