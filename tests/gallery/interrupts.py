"""Raise something at the k-th line that the gallery runs, and say what a gallery holds."""

import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import biomatch.gallery
from biomatch.gallery import Gallery
from biomatch.gallery.flat import exact_top
from biomatch.streams import stream

HOME = str(Path(biomatch.gallery.__file__).parent)
DIMENSION = 8


def templates_of(ids, round_=0):
    """The template of an id follows from the id, and from how often it was enrolled."""
    rows = [stream(int(i), "interrupted.template", round_).standard_normal(DIMENSION) for i in ids]
    rows = np.array(rows).reshape(-1, DIMENSION)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@contextmanager
def interrupted_at(line, kind=KeyboardInterrupt):
    """Raise `kind` at this line of those that the gallery runs within the block; how many ran is given."""
    ran = [0]

    def in_package(frame, event, _):
        if event == "line":
            ran[0] += 1
            if ran[0] == line:
                raise kind
        return in_package

    def trace(frame, event, _):
        return in_package if frame.f_code.co_filename.startswith(HOME) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield ran
    finally:
        sys.settrace(before)


def held(gallery):
    """Give {id: template} of who is enrolled, and the set of ids that are retired and still held.

    What the searches say is compared with the register on the way.
    """
    state = gallery._keeper._state
    register = state.register
    rows = np.flatnonzero(register.active)
    ids = register.ids[rows]
    probes = templates_of(range(3))
    found = gallery.identify(probes, len(ids) + 2)
    if len(ids):
        templates = gallery._keeper.templates_of(ids)
        truth = exact_top(probes, templates, ids, len(ids) + 2)
        assert found.reference_id.tolist() == truth.reference_id.tolist()
        assert found.score.tobytes() == truth.score.tobytes()
        assert gallery.verify(ids, templates).min() > 0.999
    else:
        templates = np.empty((0, DIMENSION), np.float32)
        assert (found.reference_id == -1).all()
    assert len(gallery) == len(ids) == found.enrolled_count
    enrolled = {int(i): template.tobytes() for i, template in zip(ids, templates, strict=True)}
    return enrolled, sorted(register.ids[~register.active].tolist())


def held_on_disk(path):
    """The same of a folder, as another reader finds it."""
    with Gallery.open(path, read_only=True) as gallery:
        return held(gallery)


def play(model, what, ids, templates):
    """Play a step on (enrolled, retired)."""
    enrolled, retired = dict(model[0]), list(model[1])
    if what == "enrol":
        enrolled |= {int(i): t.tobytes() for i, t in zip(ids, templates, strict=True)}
    elif what == "retire":
        for i in ids.tolist():
            del enrolled[i]
        retired += ids.tolist()
    elif what == "erase":
        gone = set(ids.tolist())
        enrolled = {i: t for i, t in enrolled.items() if i not in gone}
        retired = [i for i in retired if i not in gone]
    elif what == "compact":
        retired = []
    return enrolled, sorted(retired)
