"""``biomatch embed``: templates from a user's own face model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit, progress


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(embed)


def embed(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL.onnx", help="Images in, one template an image out.")
    ],
    images: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="Aligned faces: .npy, .npz, or a folder of image files.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.npz", help="Templates, labels, names.")],
    mean: Annotated[float, typer.Option("--mean", help="Pixels become (value - mean) / scale.")] = 127.5,
    scale: Annotated[float, typer.Option("--scale", help="See --mean.")] = 127.5,
    bgr: Annotated[bool, typer.Option("--bgr", help="The model wants blue first.")] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images at a time.")] = 64,
    as_json: Json = False,
) -> None:
    """Make templates of images with your own ONNX face model.

    The file that is written is what ``identify`` and ``fit`` read. A folder's subfolders are subjects.
    """
    import numpy as np

    from biomatch.cli.matchers.archive import write_npz
    from biomatch.cli.matchers.images import read_images
    from biomatch.errors import TableError
    from biomatch.models import FaceModel
    from biomatch.tables.places import begins, free_file

    free_file(out, "set of templates", held=begins("templates.npy"))
    face = FaceModel(model)
    templates, names, labels = [], [], []
    with progress() as update:
        for part, some, subjects in read_images(images):
            templates.append(face.templates(part, batch=batch, mean=mean, scale=scale, bgr=bgr))
            names += some
            labels += subjects
            update("embedding", len(names), len(names) + 1)
        update("embedding", 1, 1)
    if not names:
        raise TableError(f"{images} holds no images", allowed="at least one")
    found = np.concatenate(templates)
    write_npz(out, templates=found, labels=np.array(labels, dtype=str), names=np.array(names, dtype=str))
    subjects_count = len(set(labels))
    emit(
        as_json,
        {
            "templates": out,
            "images": len(found),
            "dimension": int(found.shape[1]),
            "subjects": subjects_count,
        },
        [
            f"{len(found):,} templates of {found.shape[1]} values, {subjects_count:,} subjects",
            f"written: {out.absolute()}",
        ],
    )
