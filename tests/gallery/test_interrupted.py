"""Interrupted at every line: what is there afterwards is the state before or after, in memory and on disk."""

import gc
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from biomatch.gallery import Gallery, auto
from biomatch.gallery.coding import codes as codes_module
from biomatch.gallery.coding import compressed
from biomatch.gallery.memory import growing, local

_spec = importlib.util.spec_from_file_location("interrupts", Path(__file__).with_name("interrupts.py"))
interrupts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(interrupts)
held, held_on_disk, play = interrupts.held, interrupts.held_on_disk, interrupts.play
DIMENSION = interrupts.DIMENSION
# An interrupt between the opening of a file and the block that closes it leaves that to Python.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KINDS = ("flat", "compressed", "auto", "flat on disk", "compressed on disk")
TRAINING = interrupts.templates_of(range(10**6, 10**6 + 64))


def small(monkeypatch):
    """Let everything that happens to large galleries happen to small ones, and the disk be quick."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    monkeypatch.setattr(compressed, "TRAINING_ROWS", 48)
    monkeypatch.setattr(compressed, "TAIL_ROWS", 8)
    monkeypatch.setattr(auto, "EXACT_VALUES", 24 * DIMENSION)
    monkeypatch.setattr(codes_module, "SEGMENT_ROWS", 32)
    monkeypatch.setattr(growing, "CHUNK_ROWS", 16)
    monkeypatch.setattr(local, "COMPACT_ROWS", 8)


@pytest.fixture(scope="module", autouse=True)
def _small():
    with pytest.MonkeyPatch.context() as monkeypatch:
        small(monkeypatch)
        yield


@pytest.fixture(autouse=True)
def _collected():
    """Let the handles that interrupts left go here, where nobody is warned of them."""
    yield
    gc.collect()


def make(kind, folder):
    index = kind.split()[0]
    path = folder / "gallery" if "disk" in kind else None
    coarse = {"rank_from": "int8", "training": TRAINING} if index == "compressed" else {}
    return Gallery(DIMENSION, index, path=path, floor_score=0.9, threads=1, **coarse)


def do(gallery, what, ids, templates, folder):
    if what == "enrol":
        gallery.enrol(ids, templates, port="A", received_at=ids)
    elif what == "compact":
        gallery.compact()
    elif what == "save":
        gallery.save(folder / "copy")
    else:
        getattr(gallery, what)(ids)


def start(kind, folder):
    """A gallery of 40 with some retired, and what it holds."""
    shutil.rmtree(folder / "gallery", ignore_errors=True)
    gallery = make(kind, folder)
    ids = np.arange(40)[::-1].copy()
    gallery.enrol(ids, interrupts.templates_of(ids), port="A", received_at=ids)
    gallery.retire(np.arange(0, 12, 3))
    return gallery


STEPS = {
    "enrol": np.array([100, 3, 102, 99]),  # 3 was retired
    "retire": np.arange(1, 12, 3),
    "erase": np.array([3, 4, 20, 39]),
    "compact": np.empty(0, np.int64),
    "save": np.empty(0, np.int64),
}


def interrupted(gallery, what, line, fault, folder):
    """Do a step that is interrupted at a line; whether it was, and how many lines ran."""
    ids, templates = STEPS[what], interrupts.templates_of(STEPS[what], 1)
    with interrupts.interrupted_at(line, fault) as ran:
        try:
            do(gallery, what, ids, templates, folder)
        except BaseException:  # some are turned into another on their way (full disks, Python's own faults)
            return True, ran[0]
    return False, ran[0]


def at_every_line(kind, what, folder, stride):
    """Interrupt a step at every `stride`-th line, in a gallery that the step has not changed yet."""
    gallery = start(kind, folder)
    before = held(gallery)
    after = play(before, what, STEPS[what], interrupts.templates_of(STEPS[what], 1))
    line, done, reached = 1, 0, True
    while reached:  # (Python swallows what is raised while it collects garbage)
        fault = [KeyboardInterrupt, MemoryError][line % 2]
        was, ran = interrupted(gallery, what, line, fault, folder)
        reached = ran >= line
        found = held(gallery)
        assert found == after if not was else found in (before, after), line
        if "disk" in kind:
            assert held_on_disk(folder / "gallery") == found, line
        if (folder / "copy" / "contents.json").exists():
            assert held_on_disk(folder / "copy") == (before[0], []), line
        if found != before:  # as good as one that was not interrupted
            gallery.enrol([777], interrupts.templates_of([777]))
            assert 777 in held(gallery)[0]
            gallery.close()
            no_strays(folder / "gallery", line)
            gallery = start(kind, folder)
        line, done = line + stride, done + was
    gallery.close()
    return done


def no_strays(folder, line):
    if folder.exists():
        wanted = set((folder / "contents.json").read_text().split('"'))
        left = [file.name for file in folder.iterdir() if file.name.endswith(".npy")]
        assert set(left) <= wanted, line


@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_at_many_lines(kind, what, tmp_path):
    assert at_every_line(kind, what, tmp_path, 23 if "disk" in kind else 11) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("what", STEPS)
@pytest.mark.parametrize("kind", KINDS)
def test_at_every_line(kind, what, tmp_path):
    done = at_every_line(kind, what, tmp_path, 1)
    print(f"{kind}, {what}: interrupted at {done} lines")
    assert done > 40


class Interrupted(RuleBasedStateMachine):
    """Steps of which any may be interrupted, also while an interrupted one is being settled."""

    @initialize(kind=st.sampled_from(KINDS))
    def begin(self, kind):
        self.folder = Path(tempfile.mkdtemp(prefix="interrupted-"))
        self.kind, self.gallery, self.round = kind, make(kind, self.folder), 0
        self.model = ({}, [])

    def step(self, what, ids, line, fault):
        self.round += 1
        ids = np.array(ids, np.int64)
        templates = interrupts.templates_of(ids, self.round)
        after = play(self.model, what, ids, templates)
        raised = False
        with interrupts.interrupted_at(line, fault):
            try:
                do(self.gallery, what, ids, templates, self.folder)
            except BaseException:
                raised = True
        found = held(self.gallery)
        assert found in ((self.model, after) if raised else (after,))
        self.model = found
        if "disk" in self.kind:
            assert held_on_disk(self.folder / "gallery") == found

    lines = st.one_of(st.none(), st.integers(1, 60), st.integers(1, 900))
    faults = st.sampled_from([KeyboardInterrupt, MemoryError, SystemExit])

    @rule(count=st.integers(1, 25), line=lines, fault=faults, picked=st.randoms(use_true_random=False))
    def enrol(self, count, line, fault, picked):
        free = [i for i in range(90) if i not in self.model[0]]
        self.step("enrol", picked.sample(free, min(count, len(free))), line, fault)

    @rule(count=st.integers(1, 25), line=lines, fault=faults, picked=st.randoms(use_true_random=False))
    def retire(self, count, line, fault, picked):
        there = sorted(self.model[0])
        ids = picked.sample(there, min(count, len(there)))
        if len(self.model[1]) + len(ids) >= 8:  # retiring much compacts by itself: the model does not
            self.step("compact", [], line, fault)
        self.gallery.retire(np.empty(0, np.int64))
        if len(self.model[1]) + len(ids) < 8:
            self.step("retire", ids, line, fault)

    @rule(count=st.integers(1, 25), line=lines, fault=faults, picked=st.randoms(use_true_random=False))
    def erase(self, count, line, fault, picked):
        there = sorted({*self.model[0], *self.model[1]})
        self.step("erase", picked.sample(there, min(count, len(there))), line, fault)

    @rule(line=lines, fault=faults)
    def compact(self, line, fault):
        self.step("compact", [], line, fault)

    @rule(line=lines, fault=faults)
    def save(self, line, fault):
        self.step("save", [], line, fault)
        if (self.folder / "copy" / "contents.json").exists():
            held_on_disk(self.folder / "copy")

    def teardown(self):
        if hasattr(self, "gallery"):
            self.gallery.close()
            shutil.rmtree(self.folder)


Interrupted.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestInterrupted = Interrupted.TestCase
