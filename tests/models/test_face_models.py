"""A user's own face model: both layouts, fixed batches, checks at the door."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from biomatch.errors import ModelError
from biomatch.models import FaceModel

_spec = importlib.util.spec_from_file_location("models_conftest", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)

IMAGES = np.random.default_rng(3).integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)


def expected(w, *, layout, bgr=False, mean=127.5, scale=127.5):
    images = IMAGES[..., ::-1] if bgr else IMAGES
    given = (images.astype(np.float64) - mean) / scale
    given = given.transpose(0, 3, 1, 2) if layout == "first" else given
    raw = given.reshape(len(images), -1) @ w
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


@pytest.mark.parametrize("layout", ["first", "last"])
@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("bgr", [False, True])
def test_templates(tmp_path, layout, batch, bgr):
    model, w = make.face_net(layout=layout, batch=batch)
    face = FaceModel(make.save(model, tmp_path / "m.onnx"))
    assert (face.height, face.width, face.dimension) == (4, 4, 5)
    found = face.templates(IMAGES, batch=2, bgr=bgr)
    np.testing.assert_allclose(found, expected(w, layout=layout, bgr=bgr), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)
    assert face.templates(IMAGES[:0]).shape == (0, 5)


def test_bytes_are_taken_as_they_are(tmp_path):
    model, w = make.face_net(floats=False)
    found = FaceModel(make.save(model, tmp_path / "m.onnx")).templates(IMAGES)
    np.testing.assert_allclose(found, expected(w, layout="first", mean=0.0, scale=1.0), atol=1e-5)


def test_images_of_another_size_are_refused_with_the_size(tmp_path):
    face = FaceModel(make.save(make.face_net()[0], tmp_path / "m.onnx"))
    for images in (IMAGES[:, :3], IMAGES.astype(np.float32), IMAGES[0]):
        with pytest.raises(ModelError, match=r"\(n, 4, 4, 3\)"):
            face.templates(images)
    with pytest.raises(ModelError, match="scale"):
        face.templates(IMAGES, scale=0.0)


def test_a_template_of_zero_length_is_refused(tmp_path):
    face = FaceModel(make.save(make.face_net()[0], tmp_path / "m.onnx"))
    grey = IMAGES.copy()
    grey[3] = 0
    with pytest.raises(ModelError, match="image 3"):
        face.templates(grey, mean=0.0, scale=1.0)
