"""Opening a folder harms nothing outside it; who may open it, where, and what a closed gallery says."""

import copy as copying
import multiprocessing
import os
import pickle
import shutil
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from biomatch.cli import run
from biomatch.errors import GalleryError
from biomatch.gallery import Gallery, Where, upgrade
from biomatch.gallery.flat import exact_top

DIMENSION = 8
FOLDERS = Path(__file__).with_name("folders")
ENROLLED = np.delete(np.arange(60), np.arange(0, 60, 7))


@pytest.fixture
def templates():
    return np.load(FOLDERS / "templates.npy")


@pytest.fixture
def folder(tmp_path, templates):
    with Gallery(DIMENSION, path=tmp_path / "gallery") as gallery:
        gallery.enrol(np.arange(30), templates[:30])
        gallery.retire(np.arange(5))
    return tmp_path / "gallery"


def bytes_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def mark_of(folder):
    return next(folder.glob("retired-*")).name.split("-")[1]


def change(folder, templates):
    """Do everything that removes files."""
    with Gallery.open(folder) as gallery:
        gallery.enrol(np.arange(40, 50), templates[40:50])
        gallery.erase(np.arange(20))
        gallery.compact()
        assert len(gallery) == 20


@pytest.mark.parametrize("name", ["segment-{}-00000099.templates.npy", ".contents-{}.partial", "begun-{}"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_files_elsewhere_are_never_overwritten(folder, tmp_path, templates, name, link):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    link(thesis, folder / name.format(mark_of(folder)))
    if name.startswith(".contents") and link is os.symlink:
        with pytest.raises(GalleryError, match="could not be written"):
            change(folder, templates)
    else:
        change(folder, templates)
    assert thesis.read_text() == "years of work"
    with Gallery.open(folder) as gallery:
        assert len(gallery) in (20, 25)


def test_a_snapshot_of_hard_links_outlives_every_change(folder, tmp_path, templates):
    snapshot = tmp_path / "snapshot"
    shutil.copytree(folder, snapshot, copy_function=os.link)
    before = bytes_of(snapshot)
    change(folder, templates)
    assert bytes_of(snapshot) == before
    with Gallery.open(snapshot) as gallery:
        assert gallery.identify(templates[9:10], 1).reference_id.tolist() == [[9]]


@pytest.mark.parametrize("what", ["contents.json", "lock", "readers", "templates"])
@pytest.mark.parametrize("make", ["symlink", "fifo", "folder"])
def test_what_is_no_plain_file_is_refused_at_once(folder, tmp_path, what, make):
    name = what if what != "templates" else next(folder.glob("*.templates.npy")).name
    (folder / name).rename(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    if make == "symlink":
        (folder / name).symlink_to(tmp_path / "elsewhere")
    elif make == "fifo":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()
    for read_only in (False, True) if what != "lock" else (False,):
        with pytest.raises(GalleryError, match="link, a pipe, a device or a folder"):
            Gallery.open(folder, read_only=read_only)
    assert (tmp_path / "elsewhere").read_bytes() == before


def test_a_link_to_the_folder_is_a_way_to_the_folder(folder, tmp_path, templates):
    (tmp_path / "way").symlink_to(folder)
    change(tmp_path / "way", templates)
    with Gallery.open(folder) as gallery:
        assert len(gallery) == 20


def test_a_folder_that_is_moved_takes_its_gallery_along(folder, tmp_path, templates):
    """Nothing is written into what stands at the old place by now."""
    with Gallery.open(folder) as gallery:
        folder.rename(tmp_path / "moved")
        Gallery(DIMENSION, path=folder).close()
        before = bytes_of(folder)
        gallery.enrol([50], templates[50:51])
        gallery.erase([6])
    assert bytes_of(folder) == before
    with Gallery.open(tmp_path / "moved") as gallery:
        assert len(gallery) == 25


def test_several_read_while_one_writes(folder, templates):
    ids = np.arange(5, 30)
    truth = exact_top(templates[:9], templates[ids], ids, 5)
    with Gallery.open(folder) as writer, Gallery.open(folder, read_only=True) as one:
        with Gallery.open(folder, read_only=True) as other:
            writer.enrol([55], templates[55:56])
            writer.retire([8])
            writer.compact()
            with pytest.raises(GalleryError, match="another process reads the gallery"):
                writer.erase([9])
            assert len(writer) == 25
            for reader in (one, other):
                assert reader.identify(templates[:9], 5).reference_id.tolist() == truth.reference_id.tolist()
                with pytest.raises(GalleryError, match="opened read-only"):
                    reader.enrol([56], templates[56:57])
        one.close()
        assert writer.erase([9]) == 1
        assert templates[8].tobytes() not in b"".join(bytes_of(folder).values())
        assert templates[9].tobytes() not in b"".join(bytes_of(folder).values())
        with pytest.raises(GalleryError, match="in use"):
            Gallery.open(folder)


def test_reading_writes_nothing(folder, templates):
    left = folder / f"segment-{mark_of(folder)}-00000099.templates.npy"
    left.write_bytes(b"half")
    before = bytes_of(folder)
    for file in (*folder.iterdir(), folder):
        file.chmod(file.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        with Gallery.open(folder, read_only=True) as gallery:
            assert gallery.identify(templates[9:10], 1).reference_id.tolist() == [[9]]
            for name in ("retire", "erase"):
                with pytest.raises(GalleryError, match="opened read-only"):
                    getattr(gallery, name)([9])
            for attempt in (gallery.compact, lambda: gallery.erase_received_before(5)):
                with pytest.raises(GalleryError, match="opened read-only"):
                    attempt()
        assert bytes_of(folder) == before
    finally:
        folder.chmod(0o755)


CALLS = {
    "len": len,
    "identify": lambda g: g.identify(np.eye(DIMENSION, dtype=np.float32)),
    "verify": lambda g: g.verify([9], np.eye(DIMENSION, dtype=np.float32)[:1]),
    "enrol": lambda g: g.enrol([99], np.eye(DIMENSION, dtype=np.float32)[:1]),
    "enrol nobody": lambda g: g.enrol([], np.empty((0, DIMENSION), np.float32)),
    "retire": lambda g: g.retire([9]),
    "erase": lambda g: g.erase([9]),
    "erase_received_before": lambda g: g.erase_received_before(0),
    "compact": lambda g: g.compact(),
    "save": lambda g: g.save("nowhere"),
    "about": lambda g: g.about(),
    "card": lambda g: g.card(),
    "content_hash": lambda g: g.content_hash,
    "index_loss_bound": lambda g: g.index_loss_bound(),
    "pickle": pickle.dumps,
}


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_closed_gallery_answers_nothing(folder, where):
    gallery = Gallery.open(folder) if where == "disk" else Gallery(DIMENSION)
    gallery.close()
    gallery.close()
    for call in CALLS.values():
        with pytest.raises(GalleryError, match="the gallery was closed; open the gallery again"):
            call(gallery)
    assert not Path("nowhere").exists()


def test_every_public_call_is_tried():
    public = {name for name in dir(Gallery) if not name.startswith("_")} - {"open", "close"}
    assert public <= set(CALLS)


def _asked_in_a_child(gallery, answers):
    found = []
    for call in CALLS.values():
        try:
            call(gallery)
            found.append("answered")
        except GalleryError as fault:
            found.append(str(fault))
    answers.put(found)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_it_refuses_and_the_parent_goes_on(folder, templates):
    fork = multiprocessing.get_context("fork")
    for gallery in (Gallery.open(folder), Gallery(DIMENSION)):
        answers = fork.Queue()
        child = fork.Process(target=_asked_in_a_child, args=(gallery, answers))
        child.start()
        assert {answer.partition(";")[0] for answer in answers.get(timeout=60)} == {
            "a gallery of another process, after a fork"
        }
        child.join()
        gallery.enrol([58], templates[58:59])
        gallery.close()
    Gallery.open(folder).close()


def test_copies_and_pickles_read_the_same_state(folder, templates):
    with Gallery.open(folder) as gallery:
        raw = pickle.dumps(gallery)
        for made in (pickle.loads(raw), copying.deepcopy(gallery), copying.copy(gallery)):
            with made:
                assert made.read_only
                assert made.identify(templates[9:10], 1).reference_id.tolist() == [[9]]
        gallery.retire([9])
        with pytest.raises(GalleryError, match="has changed since"):
            pickle.loads(raw)
    for call in (pickle.dumps, copying.deepcopy):
        with pytest.raises(GalleryError, match=r"not in a folder.*save it"):
            call(Gallery(DIMENSION))


def test_a_gallery_that_is_dropped_gives_up_its_lock(folder):
    gallery = Gallery.open(folder)
    del gallery
    Gallery.open(folder).close()


# -- forms of the folder, and the content hash ------------------------------------------------------


@pytest.mark.parametrize("kind", ["flat", "compressed", "auto"])
@pytest.mark.parametrize("way", ["read", "write", "change", "upgrade"])
def test_the_older_form_is_read_and_brought_up_to_date(kind, way, tmp_path, templates):
    place = tmp_path / "older"
    shutil.copytree(FOLDERS / f"format-1-{kind}", place)
    before, there = bytes_of(place), ENROLLED
    if way == "change":
        with Gallery.open(place) as gallery:
            gallery.enrol([70], templates[:1], port="ORY", kind="watchlist", received_at=0)
            gallery.erase([70, 1])
        there = ENROLLED[ENROLLED != 1]
        assert not any(len(name.split("-")) < 3 for name in bytes_of(place) if name.startswith("retired"))
    elif way == "upgrade":
        made = upgrade(place)
        assert (made.format_before, made.format_after, made.left) == (1, 2, ())
        assert made.hash_before != made.hash_after
        assert upgrade(place).format_before == 2
    with Gallery.open(place, read_only=way == "read") as gallery:
        assert gallery.about()["format"] == (1 if way in ("read", "write") else 2)
        found = gallery.identify(templates[:9], 7)
        truth = exact_top(templates[:9], templates[there], there, 7)
        assert found.reference_id.tolist() == truth.reference_id.tolist()
        assert found.score.tobytes() == truth.score.tobytes()
        odd = there[there % 2 == 1]
        found = gallery.identify(templates[:9], 3, Where(ports=["Zürich"], received_before=10**9))
        assert found.score.tobytes() == exact_top(templates[:9], templates[odd], odd, 3).score.tobytes()
    if way == "read":
        assert bytes_of(place) == before


def test_the_content_hash_is_checked(folder, templates, capsys):
    with Gallery.open(folder, read_only=True) as gallery:
        printed = gallery.content_hash
    assert run(["gallery", "show", str(folder), "--expect-hash", printed]) == 0
    assert printed in capsys.readouterr().out
    Gallery.open(folder, expect_hash=printed.upper()).close()
    with Gallery.open(folder) as gallery:
        gallery.retire([9])
        assert gallery.content_hash != printed
    assert run(["gallery", "show", str(folder), "--expect-hash", printed]) == 2
    assert "has the content hash" in capsys.readouterr().err
    for wrong in (
        {"expect_hash": "abc"},
        {"expect_hash": printed},
        {"expect_hash": printed, "check": "quick"},
    ):
        with pytest.raises(GalleryError):
            Gallery.open(folder, **wrong)
    assert run(["gallery", "upgrade", str(folder), "--json"]) == 0
    with pytest.raises(GalleryError, match="save it"):
        _ = Gallery(DIMENSION).content_hash


# -- threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["flat", "compressed", "flat on disk"])
def test_searches_see_one_state_while_another_thread_changes_it(kind, tmp_path, monkeypatch):
    """Each list is that of some moment: the constant references, and of the passing ones all or none."""
    from biomatch.gallery.coding import compressed

    monkeypatch.setattr(compressed, "EXACT_BELOW", 500)
    rows = np.random.default_rng(3).standard_normal((9_000, DIMENSION))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    path = tmp_path / "g" if "disk" in kind else None
    constant = np.arange(8_500 if kind == "compressed" else 600)
    gallery = Gallery(DIMENSION, kind.split()[0], path=path, floor_score=0.9, threads=1)
    gallery.enrol(constant, rows[constant])
    passing = np.arange(10**6, 10**6 + 40)
    probes, stop, wrong, asked = rows[8_500:8_502], threading.Event(), [], []
    without = exact_top(probes, rows[constant], constant, 3)
    with_ = exact_top(
        probes,
        np.concatenate([rows[constant], np.repeat(probes[:1], 40, axis=0)]),
        np.append(constant, passing),
        3,
    )
    right = {with_.score.tobytes(): len(constant) + 40, without.score.tobytes(): len(constant)}

    def search():
        while not stop.is_set():
            found = gallery.identify(probes, 3)
            asked.append(1)
            if right.get(found.score.tobytes()) != found.enrolled_count:
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for step in range(12):
        gallery.enrol(passing, np.repeat(probes[:1], 40, axis=0))
        (gallery.erase if step % 2 else gallery.retire)(passing)
        gallery.compact()
    stop.set()
    for thread in threads:
        thread.join()
    gallery.close()
    assert asked
    assert not wrong


# -- what may enter ---------------------------------------------------------------------------------


def test_masks_truth_values_and_slips_are_refused(templates):
    gallery = Gallery(DIMENSION)
    masked = np.ma.array(templates[:2], mask=[[False] * DIMENSION, [True] * DIMENSION])
    for attempt, message in (
        (lambda: gallery.enrol([1, 2], masked), "masked array"),
        (lambda: gallery.identify(masked), "masked array"),
        (lambda: gallery.enrol(np.ma.array([1, 2], mask=[0, 1]), templates[:2]), "masked array"),
        (lambda: gallery.enrol([True, 2], templates[:2]), "True or False"),
        (lambda: gallery.enrol(np.array([True, False]), templates[:2]), "type bool"),
        (lambda: gallery.enrol([1, 2], templates[:2], port=["JFK", None]), "named None"),
        (lambda: gallery.enrol([1, 2], templates[:2], port=["JFK", ""]), "not empty"),
        (lambda: gallery.enrol([1, 2], templates[:2], kind="\ud800"), "UTF-8"),
        (lambda: gallery.enrol([1, 2], templates[:2], received_at=2**70), "64 bits"),
        (lambda: gallery.enrol([1, 2], templates[:2], received_at=np.array(["9" * 10], "M8[Y]")), "too far"),
        (lambda: gallery.identify(templates[:1], 2**40), "places in all lists"),
        (lambda: Gallery(10**12), "dimension"),
        (lambda: Gallery(True), "dimension"),
        (lambda: Gallery(8, floor_score=float("nan")), "score nan"),
        (lambda: Gallery(8, loss_budget=float("nan")), "loss_budget"),
        (lambda: Gallery(8, rank_from="int4"), "rank_from"),
        (lambda: Gallery(8, threads=10**9), "threads"),
        (lambda: Gallery.open("a\0b"), "no gallery|cannot be used"),
        (lambda: Gallery.open("a" * 300), "no gallery|cannot be used"),
    ):
        with pytest.raises(GalleryError, match=message):
            attempt()
    assert len(gallery) == 0
