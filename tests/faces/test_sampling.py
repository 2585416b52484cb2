"""Sampled faces against the formulas that they are sampled from."""

import numpy as np
import pytest
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from biomatch_synthetic.faces.keyed import KeyedStream, quantile_table

from biomatch import facemodel
from biomatch.errors import SettingsError, TableError

COUNT = 4000


@pytest.fixture(scope="module")
def space(leader):
    return FaceSpace(leader, seed=11)


@pytest.fixture(scope="module")
def people(leader):
    return People.make(leader, np.arange(COUNT))


def test_keyed_normals_are_standard_and_uncorrelated():
    x = KeyedStream(3, "test").vectors(np.arange(4000), 256)
    assert abs(x.mean()) < 4 / np.sqrt(x.size)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / x.size)
    assert abs((x**4).mean() - 3) < 0.03
    gram = x[:500] @ x[:500].T / 256
    off = gram[np.triu_indices(500, 1)]
    assert abs(off.std() * np.sqrt(256) - 1) < 0.02
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(off.size)


def test_quantile_table_has_variance_one():
    table = quantile_table().astype(np.float64)
    assert abs((table**2).mean() - 1) < 1e-6
    assert (np.diff(table) > 0).all()


def test_streams_of_other_seeds_names_and_keys_differ():
    keys = np.arange(50)
    one = KeyedStream(1, "a").vectors(keys, 64)
    for other in (
        KeyedStream(2, "a").vectors(keys, 64),
        KeyedStream(1, "b").vectors(keys, 64),
        KeyedStream(1, "a").vectors(keys + 50, 64),
        KeyedStream(1, "a").vectors(keys, 64, keys),
    ):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.08


def test_strangers_have_the_models_mean_and_kernel(leader, space, people):
    rows = np.arange(1500)
    u = space.identities(people, rows)
    cosines = (u[:750] @ u[750:].T).ravel()
    expected = space.likeness(people, rows[:750], rows[750:]).ravel()
    assert abs(cosines.mean() - leader.likeness.mean_square) < 0.004
    # The rest is individual: variance about 1/d around the kernel's value.
    assert abs((cosines - expected).std() * np.sqrt(512) - 1) < 0.06
    assert np.corrcoef(cosines, expected)[0, 1] > 0.5


def test_feature_map_has_the_kernel(leader):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((1000, 16)).astype(np.float32)
    f = facemodel.feature_map(leader, 1024)(z).astype(np.float64)
    square = (z.astype(np.float64) ** 2).sum(axis=1)
    distance = ((z[:500] - z[500:]).astype(np.float64) ** 2).sum(axis=1)
    expected = facemodel.kernel_of(leader)(distance, square[:500], square[500:])
    difference = (f[:500] * f[500:]).sum(axis=1) - expected
    assert abs(difference.mean()) < 0.01
    assert difference.std() < 1.5 / np.sqrt(1024)
    assert abs((f**2).sum(axis=1).mean() - 1) < 0.03


def test_age_correlation_is_near_the_exponential():
    for reach, bound in ((0.2, 0.009), (0.5, 0.022), (1.0, 0.052)):
        x = np.linspace(0, reach, 401)
        assert np.abs(facemodel.age_correlation(x) - np.exp(-x)).max() < bound
    assert facemodel.age_correlation(0.0) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("years", [(0.0, 10.0), (-7.0, 3.0)])
def test_ageing_is_stationary_and_close_to_the_formula(leader, space, people, years):
    profile = leader.with_({"ageing.spread": 0.0})
    space = FaceSpace(profile, seed=11)
    rows = np.arange(1500)
    a, b = (space.identities(people, rows, y) for y in years)
    rho = float(facemodel.age_correlation(profile.ageing.rate_per_year * 10.0))
    assert abs((a * b).sum(axis=1).mean() - rho) < 0.02


def test_relatives_are_alike_in_the_right_order(leader):
    ids = np.arange(3000)
    means = {}
    for kind in ("identical", "same_sex", "different_sex", "strangers"):
        related = kind != "strangers"
        people = People.make(
            leader,
            ids,
            family_id=ids // 2 if related else None,
            identical_twin_id=ids ^ 1 if kind == "identical" else None,
            female=(ids % 2 == 0) if kind == "different_sex" else None,
        )
        u = FaceSpace(leader.with_({"dimension": 256}), seed=4).identities(people, ids)
        means[kind] = float((u[::2] * u[1::2]).sum(axis=1).mean())
    assert means["identical"] > means["same_sex"] > means["different_sex"] > means["strangers"] + 0.02


def test_group_means_have_the_declared_products(leader):
    gram = facemodel.group_gram(leader)
    means = facemodel.group_means(leader, 512).astype(np.float64)
    np.testing.assert_allclose(means[:-1] @ means[:-1].T, gram, atol=1e-5)
    labels = list(leader.groups.members)
    declared = [leader.likeness.mean_square + g.alike for g in leader.groups.members.values()]
    # Vectors with exactly these products must exist, or clipping would change what the profile says.
    np.testing.assert_allclose(np.diag(gram), declared, atol=5e-3)
    assert len(labels) == len(set(labels))


def test_unusable_images_match_nobody(leader, people):
    profile = leader.with_({"noise.unusable": 0.25})
    space, ids = FaceSpace(profile, seed=2), np.arange(COUNT)
    shots = Shots.of(ids, 1)
    x, state = np.empty((COUNT, 512), dtype=np.float32), None
    state = render(space, people, shots, x)
    own = (x * space.identities(people, ids)).sum(axis=1)
    assert abs((~state.usable).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / COUNT)
    assert own[~state.usable].max() < 0.25
    assert own[state.usable].mean() > 0.8
    assert state.quality[~state.usable].mean() < state.quality[state.usable].mean() - 20


def test_quality_follows_noise(space, people):
    state = space.conditions(people, Shots.of(np.arange(COUNT), 1))
    good = state.usable
    assert np.corrcoef(state.quality[good], np.log(state.sigma[good]))[0, 1] < -0.4
    assert state.quality.min() >= 0
    assert state.quality.max() <= 100


def test_enrolment_photos_vary_less(space, people):
    ids = np.arange(COUNT)
    spread = [
        np.log(s.sigma[s.usable]).std()
        for s in (space.conditions(people, Shots.of(ids, 1, enrolment=e)) for e in (True, False))
    ]
    assert spread[0] < spread[1]


def test_a_morph_is_like_both_contributors(leader, space, people):
    a, b = np.arange(0, 1000), np.arange(1000, 2000)
    morph = space.capture(people, Shots.of(a, 9, enrolment=True, second_person_id=b))
    probe_a, probe_b, other = (
        space.capture(people, Shots.of(ids, 1)) for ids in (a, b, np.arange(2000, 3000))
    )
    for probe in (probe_a, probe_b):
        assert (morph * probe).sum(axis=1).mean() > (morph * other).sum(axis=1).mean() + 0.3


def test_one_camera_makes_strangers_a_little_more_alike(leader, people):
    profile = leader.with_({"capture.camera_offset": 0.5})
    space, ids = FaceSpace(profile, seed=3), np.arange(COUNT)
    same, other = (
        float((space.capture(people, Shots.of(ids, 1, camera=1))[:2000]
               * space.capture(people, Shots.of(ids, 1, camera=c))[2000:]).sum(axis=1).mean())
        for c in (1, 2)
    )  # fmt: skip
    assert same > other + 0.1


def test_what_cannot_be_is_refused(leader, space, people):
    with pytest.raises(TableError, match="repeated"):
        People.make(leader, [1, 1])
    with pytest.raises(TableError, match="twin"):
        People.make(leader, [1, 2, 3], identical_twin_id=[2, 3, -1])
    with pytest.raises(SettingsError, match="did you mean 'E-Asia"):
        People.make(leader, [1], group=["E-Asia f"])
    with pytest.raises(TableError, match="not among"):
        space.capture(people, Shots.of(np.array([COUNT + 5])))
    with pytest.raises(SettingsError, match="noise factor"):
        Shots.of(np.array([1]), noise_factor=0.0)
    with pytest.raises(SettingsError, match="dimension"):
        leader.with_({"dimension": 16})
    with pytest.raises(TableError, match="float32"):
        render(space, people, Shots.of(np.array([1])), np.empty((1, 512)))
