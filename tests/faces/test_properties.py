"""What must hold of any faces, whatever the keys."""

import numpy as np
import pytest
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from hypothesis import given, settings
from hypothesis import strategies as st

DIMENSIONS = st.sampled_from([128, 192, 512, 1024])
IDS = st.lists(st.integers(0, 10**9), min_size=2, max_size=20, unique=True)


@settings(max_examples=25, deadline=None)
@given(d=DIMENSIONS, seed=st.integers(0, 2**40), ids=IDS, year=st.floats(-40, 40), factor=st.floats(0.2, 5))
def test_templates_are_unit_vectors(leader, d, seed, ids, year, factor):
    space = FaceSpace(leader.with_({"dimension": d}), seed=seed)
    people = People.make(leader, ids, group=["E-Asia F"] * len(ids))
    shots = Shots.of(np.array(ids), 3, year=year, noise_factor=factor, camera=1)
    x = space.capture(people, shots)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0, atol=2e-6)
    np.testing.assert_allclose(
        np.linalg.norm(space.identities(people, np.arange(len(ids)), year), axis=1), 1, atol=2e-6
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**40), ids=IDS, pick=st.data())
def test_one_alone_equals_all(small, seed, ids, pick):
    space = FaceSpace(small, seed=seed)
    people = People.make(small, ids, family_id=[i % 3 for i in ids])
    count = len(ids)
    shots = Shots.of(people.person_id, np.arange(count), year=np.linspace(-3, 9, count), enrolment=True)
    everybody = np.empty((count, 128), dtype=np.float32)
    conditions = render(space, people, shots, everybody)
    one = pick.draw(st.integers(0, count - 1))
    # Alone also means: with nobody else in the table of people.
    family = int(people.family_id[one])
    single = People.make(small, people.person_id[[one]], family_id=[family])
    again = FaceSpace(small, seed=seed).capture(single, shots.take(np.array([one])))
    np.testing.assert_allclose(again[0], everybody[one], atol=3e-6)
    state = space.conditions(single, shots.take(np.array([one])))
    assert state.quality[0] == conditions.quality[one]
    assert state.sigma[0] == conditions.sigma[one]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**40), ids=IDS, order=st.randoms(use_true_random=False))
def test_order_of_captures_changes_nothing(small, seed, ids, order):
    space = FaceSpace(small, seed=seed)
    people = People.make(small, ids)
    shots = Shots.of(np.repeat(np.array(ids), 2), np.arange(2 * len(ids)), year=np.tile([0.0, 5.0], len(ids)))
    rows = list(range(2 * len(ids)))
    order.shuffle(rows)
    shuffled = np.array(rows)
    a, b = (np.empty((len(rows), 128), dtype=np.float32) for _ in range(2))
    render(space, people, shots, a)
    render(space, people, shots.take(shuffled), b, out_row=shuffled)
    np.testing.assert_allclose(a, b, atol=3e-6)


@pytest.mark.parametrize(("correlation", "low", "high"), [(0.0, -0.35, 0.5), (1.0, 0.9999, 1.0001)])
def test_a_relative_of_correlation_0_is_a_stranger_and_of_1_the_same_person(leader, correlation, low, high):
    # Typicality and pace of ageing stay a person's own; with them switched off a twin of 1 is the person.
    profile = leader.with_(
        {
            "dimension": 256,
            "likeness.typicality": 0.0,
            "ageing.spread": 0.0,
            "kin.different_sex": 0.0,
            "kin.same_sex": 0.0,
            "kin.identical": correlation,
        }
    )
    ids = np.arange(400)
    people = People.make(profile, ids, identical_twin_id=ids ^ 1)
    u = FaceSpace(profile, seed=5).identities(people, ids, 3.0)
    cosine = (u[::2] * u[1::2]).sum(axis=1)
    assert low < cosine.min()
    assert cosine.max() < high
    if correlation == 0.0:
        strangers = (u[::2] * np.roll(u[1::2], 1, axis=0)).sum(axis=1)
        assert abs(cosine.mean() - strangers.mean()) < 4 * 0.07 * np.sqrt(2 / 200)


def test_more_noise_never_raises_a_mated_score_on_average(leader):
    space, ids = FaceSpace(leader.with_({"dimension": 256}), seed=8), np.arange(3000)
    people = People.make(leader, ids)
    u = space.identities(people, ids)
    means = [
        float((u * space.capture(people, Shots.of(ids, 1, noise_factor=f))).sum(axis=1).mean())
        for f in (0.5, 1.0, 1.5, 2.0, 4.0)
    ]
    assert means == sorted(means, reverse=True)
