"""The models that ship: registered bytes, columns of this version, and equality with scikit-learn."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from biomatch.fraud.basis import PIECES, basis, columns, piece_of
from biomatch.fraud.fusion import fusion_model
from biomatch.models import BATCH_ROWS, ColumnModel, Entry, load, registry
from biomatch.paths import models_dir
from biomatch.worlds import FIRST_RESERVED_SEED


def test_every_registered_model_opens_and_has_its_card():
    listed = registry()
    assert set(listed) == {"fusion", "photo", "entry"}
    for name, entry in listed.items():
        data = (models_dir() / entry.file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        load(name)
        card = (models_dir() / entry.card).read_text(encoding="utf-8")
        for word in ("**Data.**", "**Use.**", "**Limits.**", "Cllr", "| group |"):
            assert word in card, (name, word)


def test_models_were_trained_on_reserved_worlds_alone():
    for entry in registry().values():
        assert entry.lineages
        assert min(entry.lineages) >= FIRST_RESERVED_SEED


def test_the_fusion_takes_the_columns_that_this_version_makes():
    assert fusion_model().entry.inputs == columns()
    assert {piece_of(name) for name in columns()} == set(PIECES)
    assert set(load("photo").entry.inputs) < set(columns())


def evidence(**values):
    neutral = dict.fromkeys(
        ("photo", "entry", "history", "papers", "identity", "morph", "swap", "ghost", "days"), np.nan
    ) | {"quality": 0.5, "attempts": 1.0, "years": 2.0, "failed": 0.0}
    size = max((np.size(v) for v in values.values()), default=1)
    return {
        k: np.broadcast_to(np.asarray(values.get(k, v), dtype=float), (size,)) for k, v in neutral.items()
    }


def test_fraud_outweighs_honesty_where_it_should():
    def ratio(**values):
        return float(fusion_model().run(basis(evidence(**values))[0])[0])

    honest = ratio(photo=0.86, entry=0.88, history=0.86)
    impostor = ratio(photo=0.1, entry=0.88, history=0.1)
    sham = ratio(photo=0.1, entry=0.1, history=0.1)
    double = ratio(photo=0.86, entry=0.88, identity=0.85)
    assert honest < 0
    assert min(impostor, sham, double) > 5


def test_nothing_is_a_number_and_everything_is_finite():
    values, names = basis(evidence())
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    extreme, _ = basis(evidence(photo=-1.0, entry=-1.0, history=-1.0, papers=-1.0, identity=1.0, morph=2.0,
                                swap=2.0, ghost=1e6, days=1e6, quality=0.0, attempts=99.0, years=-3.0,
                                failed=1.0))  # fmt: skip
    assert np.isfinite(extreme).all()
    assert len(names) == len(set(names)) == values.shape[1]


def test_onnxruntime_equals_scikit_learn_and_the_same_fit_has_the_same_bytes():
    pytest.importorskip("skl2onnx")
    from biomatch.training.fusion import export, fit

    random = np.random.default_rng(0)
    count = len(columns())
    values = ((random.random((3_000, count)) < 0.3) * random.random((3_000, count)) * 0.6).astype(np.float32)
    event = values @ random.standard_normal(count) + 0.3 * random.standard_normal(3_000) > 0.2
    model = fit(values, event)
    data = export(model, count)
    assert data == export(fit(values, event), count)
    ours = ColumnModel(Entry("f", "f.onnx", "", columns(), "probabilities", (), ""), data)
    np.testing.assert_allclose(ours.run(values), model.decision_function(values.astype(float)), atol=1e-5)
    assert BATCH_ROWS < 70_000  # the batches are crossed below
    many = np.resize(values, (70_000, count))
    np.testing.assert_array_equal(ours.run(many)[:3_000], ours.run(values))


def test_the_ratio_does_not_know_the_share_of_fraud_in_training():
    pytest.importorskip("sklearn")
    from biomatch.training.fusion import fit

    random = np.random.default_rng(1)
    x = np.r_[random.normal(1, 1, 40_000), random.normal(-1, 1, 40_000)][:, None].astype(np.float32)
    y = np.r_[np.ones(40_000, bool), np.zeros(40_000, bool)]
    rare = np.r_[np.arange(4_000), np.arange(40_000, 80_000)]
    for rows in (np.arange(80_000), rare):
        found = fit(x[rows], y[rows]).decision_function(np.array([[-1.0], [0.0], [1.0]]))
        np.testing.assert_allclose(found, [-2.0, 0.0, 2.0], atol=0.12)  # the exact ratio is 2 x


@pytest.mark.parametrize("name", ["fusion", "photo", "entry"])
def test_a_shipped_model_computes_what_its_coefficients_say(name):
    """The file's own numbers, in double precision as scikit-learn would use them, within 1e-5."""
    onnx = pytest.importorskip("onnx")
    entry = load(name).entry
    (node,) = [n for n in onnx.load(models_dir() / entry.file).graph.node if n.op_type == "LinearClassifier"]
    held = {a.name: list(a.floats) for a in node.attribute if a.floats}
    weights, bias = held["coefficients"][-len(entry.inputs) :], held["intercepts"][-1]
    random = np.random.default_rng(5)
    grid = {k: random.uniform(-0.1, 1.0, 20_000) for k in ("photo", "entry", "history", "papers")}
    drawn = evidence(**grid, identity=random.uniform(0, 1, 20_000), quality=random.uniform(0, 1, 20_000))
    values, names = basis(drawn)
    columns_of = [names.index(column) for column in entry.inputs]
    table = values[:, columns_of]
    exact = table.astype(np.float64) @ np.array(weights) + bias
    np.testing.assert_allclose(load(name).run(table), exact, atol=1e-5)
