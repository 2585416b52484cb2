"""Killed at random moments: what is opened again is the state before or after the interrupted step."""

import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from biomatch.gallery import Gallery
from biomatch.gallery.coding.compressed import TRAINING_ROWS
from biomatch.gallery.flat import exact_top
from biomatch.streams import stream

WORKER = Path(__file__).with_name("killed.py")
WINDOW = {"flat": 0.12, "compressed": 0.6}
"""Seconds within which a run is killed: some steps."""
_spec = importlib.util.spec_from_file_location("killed", WORKER)
killed = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(killed)


def state_of(folder):
    with Gallery.open(folder) as gallery:
        register = gallery._keeper.register
        enrolled = np.sort(register.ids[register.active])
        probes = killed.templates_of(np.arange(3))
        found = gallery.identify(probes, 5)
        truth = exact_top(probes, killed.templates_of(enrolled), enrolled, 5)
        assert found.reference_id.tolist() == truth.reference_id.tolist()
        assert found.score.tobytes() == truth.score.tobytes()
        retired = set(register.ids[~register.active].tolist())
        return set(enrolled.tolist()), retired


def kill_again_and_again(folder, kills, seed, index):
    """Run, kill, open, compare, go on from there."""
    copy, journal = folder.with_name("copy"), folder.with_name("journal")
    state, number, interrupted = (set(), set()), 0, 0
    if index == "compressed":  # so many that there are codes and a codebook to keep whole
        first = 10**9 + np.arange(TRAINING_ROWS + 500)
        state = (set(first.tolist()), set())
        with Gallery(killed.DIMENSION, index, path=folder, floor_score=0.9) as gallery:
            gallery.enrol(first, killed.templates_of(first), port="A")
    saved = [None]  # states of the copy that are right: before and after the last save
    rng = stream(seed, "killed.moment")
    for _ in range(kills):
        journal.unlink(missing_ok=True)
        command = [sys.executable, WORKER, folder, copy, journal, str(number), str(seed), index]
        worker = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE)
        while worker.poll() is None and not (journal.exists() and journal.read_text()):
            time.sleep(0.005)
        time.sleep(float(rng.random()) * WINDOW[index])
        worker.send_signal(signal.SIGKILL)
        errors = worker.communicate()[1].decode()
        assert worker.returncode == -signal.SIGKILL, errors
        lines = journal.read_text().split()[1:]
        begun, ended = lines[1::4], lines[3::4]
        for done in map(int, ended):
            assert done == number
            what, ids = killed.step(number, seed, *state)
            state = killed.play(what, ids, *state)
            saved = [state[0]] if what == "save" else saved
            number += 1
        possible = [state]
        if len(begun) > len(ended):
            interrupted += 1
            what, ids = killed.step(number, seed, *state)
            after = killed.play(what, ids, *state)
            possible.append(after)
            saved = [*saved, state[0]] if what == "save" else saved
        if not (folder / "contents.json").exists():
            assert number == 0
            assert index == "flat"
            continue
        found = state_of(folder)
        assert found in possible
        if found != state:
            state, number = found, number + 1
        left = {name for name in (file.name for file in folder.iterdir()) if name.endswith(".npy")}
        assert all(name in (folder / "contents.json").read_text() for name in left)
        if (copy / "contents.json").exists():
            assert state_of(copy)[0] in saved
    return interrupted, number


@pytest.mark.parametrize(("index", "kills"), [("flat", 5), ("compressed", 3)])
def test_killed_a_few_times(tmp_path, index, kills):
    interrupted, number = kill_again_and_again(tmp_path / "gallery", kills, 1, index)
    assert interrupted >= 1
    assert number >= 1


@pytest.mark.slow
@pytest.mark.parametrize("index", ["flat", "compressed"])
def test_killed_fifty_times(tmp_path, index):
    interrupted, number = kill_again_and_again(tmp_path / "gallery", 50, 2, index)
    assert interrupted >= 25
    assert number > 25
