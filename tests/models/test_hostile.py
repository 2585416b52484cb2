"""Hostile model files: each refused with a message, nothing of it executed."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import ModelError
from biomatch.models import FaceModel, load, open_session
from biomatch.onnxfile import check_bytes

_spec = importlib.util.spec_from_file_location("models_conftest", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)

TOUCHED = []


class Bomb:
    def __reduce__(self):
        return (TOUCHED.append, ("boom",))


def test_a_pickle_is_never_opened(tmp_path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.onnx"
        path.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
        with pytest.raises(ModelError):
            FaceModel(path)
    assert TOUCHED == []
    with pytest.raises(ModelError, match="a pickle could run any code"):
        FaceModel(tmp_path / "4.onnx")


def test_other_containers_are_named(tmp_path):
    for magic, word in ((b"PK\x03\x04", "zip"), (b"\x1f\x8b", "compressed"), (b"\x89HDF", "HDF5")):
        with pytest.raises(ModelError, match=word):
            check_bytes(magic + b"x" * 50, "f")


def test_altered_bytes_are_refused(tmp_path):
    model, *_ = make.linear()
    folder = make.folder_with(tmp_path, model)
    data = bytearray((folder / "one.onnx").read_bytes())
    data[-9] ^= 1
    (folder / "one.onnx").write_bytes(data)
    with pytest.raises(ModelError, match="instead of"):
        load("one", folder)


def test_every_truncation_is_refused():
    model, *_ = make.linear()
    data = model.SerializeToString()
    for size in range(len(data)):
        with pytest.raises(ModelError):
            open_session(data[:size], "cut")


def test_external_data_is_refused_and_the_other_file_never_read(tmp_path):
    import onnx

    model, *_ = make.linear(columns=400)
    path = tmp_path / "m.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="secret.bin", size_threshold=0)
    (tmp_path / "secret.bin").unlink()
    with pytest.raises(ModelError, match="external data"):
        FaceModel(path)


def test_external_data_inside_a_subgraph_is_found():
    from onnx import TensorProto, helper

    tensor = helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["o"], value=tensor)],
        "b",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [1])],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("c", TensorProto.BOOL, [1])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])  # fmt: skip
    with pytest.raises(ModelError, match="external data"):
        check_bytes(helper.make_model(graph).SerializeToString(), "m")


def test_foreign_and_unknown_operators(tmp_path):
    from onnx import TensorProto, helper

    def model(op, domain):
        graph = helper.make_graph(
            [helper.make_node(op, ["x"], ["y"], domain=domain)],
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        )
        sets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
        return helper.make_model(graph, opset_imports=sets, ir_version=9)

    with pytest.raises(ModelError, match="domain 'evil'"):
        FaceModel(make.save(model("Run", "evil"), tmp_path / "a.onnx"))
    with pytest.raises(ModelError, match="refused by onnxruntime"):
        FaceModel(make.save(model("NoSuchOperator", ""), tmp_path / "b.onnx"))


def test_wrong_shapes(tmp_path):
    model, *_ = make.linear(columns=4)
    with pytest.raises(ModelError, match=r"shape \[.*4\]"):
        load("one", make.folder_with(tmp_path, model))
    with pytest.raises(ModelError, match="one batch of images"):
        FaceModel(make.save(model, tmp_path / "m.onnx"))


def test_a_missing_output_and_an_unknown_name(tmp_path):
    model, *_ = make.linear()
    folder = make.folder_with(tmp_path, model, output="nothing")
    with pytest.raises(ModelError, match="no output"):
        load("one", folder)
    with pytest.raises(ModelError, match="allowed: one"):
        load("two", folder)


def test_a_broken_registry(tmp_path):
    for text in ("", "{", "[]", '{"models": {"a": {}}}'):
        (tmp_path / "registry.json").write_text(text)
        with pytest.raises(ModelError, match="registry"):
            load(f"one{text}", tmp_path)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(ModelError, match="No such file"):
        FaceModel(tmp_path / "none.onnx")
    with pytest.raises(ModelError):
        FaceModel(tmp_path)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_noise_is_refused_in_words(data):
    with pytest.raises(ModelError):
        open_session(data, "noise")


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_flipped_byte_never_escapes_as_another_error(data):
    model, *_ = make.linear()
    whole = bytearray(model.SerializeToString())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        check_bytes(bytes(whole), "flipped")
    except ModelError:
        return
    assert bytes(whole) != model.SerializeToString()


def test_onnxruntime_is_not_loaded_by_a_refusal():
    import subprocess

    code = (
        "import sys\nfrom biomatch.errors import ModelError\nfrom biomatch.models import open_session\n"
        "try:\n    open_session(b'\\x80\\x04x', 'p')\n"
        "except ModelError:\n    print('onnxruntime' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_nothing_else_imports_onnxruntime():
    import biomatch

    root = Path(biomatch.__file__).parent
    users = [p.name for p in root.rglob("*.py") if "import onnxruntime" in p.read_text(encoding="utf-8")]
    assert users == ["models.py"]


def test_values_are_checked(tmp_path):
    model, w, b = make.linear()
    one = load("one", make.folder_with(tmp_path, model))
    table = np.random.default_rng(0).standard_normal((70_000, 3))
    found = one.run(table)
    np.testing.assert_allclose(found, (table @ w + b)[:, 0], atol=1e-5)
    assert one.run(table[:0]).shape == (0,)
    with pytest.raises(ModelError, match="a, b, c"):
        one.run(table[:, :2])
    table[5, 1] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        one.run(table)
