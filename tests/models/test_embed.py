"""`biomatch embed`: what it writes, what it refuses, and that `identify`'s reader takes it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from biomatch.cli import run
from biomatch.cli.matchers.images import read_images
from biomatch.errors import TableError
from biomatch.tables.embeddings import read_embeddings

_spec = importlib.util.spec_from_file_location("models_conftest", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)

IMAGES = np.random.default_rng(3).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)


@pytest.fixture
def model(tmp_path):
    return make.save(make.face_net()[0], tmp_path / "m.onnx")


def folder_of(tmp_path):
    for n, image in enumerate(IMAGES):
        place = tmp_path / "faces" / f"s{n % 2}"
        place.mkdir(parents=True, exist_ok=True)
        header = f"P6\n# a comment\n{image.shape[1]} {image.shape[0]}\n255\n".encode()
        (place / f"{n}.ppm").write_bytes(header + image.tobytes())
    return tmp_path / "faces"


def test_arrays_archives_and_folders_give_the_same_templates(tmp_path, model, capsys):
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "b.npz", images=IMAGES, labels=np.array(list("xyxyxy")))
    made = {}
    for source in (tmp_path / "a.npy", tmp_path / "b.npz", folder_of(tmp_path)):
        out = tmp_path / f"{source.stem}.out.npz"
        assert run(["embed", str(model), str(source), "--out", str(out), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["images"], told["dimension"], told["templates"]) == (6, 5, str(out))
        made[source.stem] = read_embeddings(out)
    order = [0, 2, 4, 1, 3, 5]  # the folder is read by subject
    np.testing.assert_array_equal(made["a"][0], made["b"][0])
    np.testing.assert_allclose(made["faces"][0], made["a"][0][order], atol=1e-6)
    assert made["b"][1].tolist() == list("xyxyxy")
    assert made["faces"][1].tolist() == ["s0"] * 3 + ["s1"] * 3


def test_the_same_arrays_have_the_same_bytes(tmp_path, model):
    np.save(tmp_path / "a.npy", IMAGES)
    for name in ("one.npz", "two.npz"):
        assert run(["embed", str(model), str(tmp_path / "a.npy"), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize(
    "source", ["none.npy", "text.npz", "floats.npy", "zero.npy", "empty", "sizes", "objects.npz", "cut"]
)
def test_bad_images_are_one_line_and_exit_2(tmp_path, model, capsys, source):
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "floats.npy", IMAGES.astype(float))
    np.save(tmp_path / "zero.npy", IMAGES[:0])
    np.savez(tmp_path / "objects.npz", images=np.array([{"a": 1}], dtype=object))
    (tmp_path / "empty").mkdir()
    (tmp_path / "sizes").mkdir()
    np.save(tmp_path / "sizes" / "a.npy", IMAGES[0])
    np.save(tmp_path / "sizes" / "b.npy", IMAGES[0][:3])
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "a.ppm").write_bytes(b"P6 4 4 255 xx")
    out = tmp_path / "o.npz"
    assert run(["embed", str(model), str(tmp_path / source), "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    assert not out.exists()


def test_a_pickle_as_model_is_exit_2(tmp_path, capsys):
    import pickle

    (tmp_path / "p.onnx").write_bytes(pickle.dumps({"a": 1}))
    np.save(tmp_path / "a.npy", IMAGES)
    assert (
        run(["embed", str(tmp_path / "p.onnx"), str(tmp_path / "a.npy"), "--out", str(tmp_path / "o.npz")])
        == 2
    )
    assert "a pickle could run any code" in capsys.readouterr().err


def test_compressed_pictures_ask_for_pillow_where_it_is_missing(tmp_path):
    if importlib.util.find_spec("PIL") is not None:
        pytest.skip("Pillow is installed")
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(TableError, match=r"biomatch\[images\]"):
        list(read_images(tmp_path))
