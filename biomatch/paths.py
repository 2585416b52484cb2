"""Where the data files that ship with the package lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def models_dir() -> Path:
    """Find the folder of ONNX files and face profiles.

    Returns
    -------
    pathlib.Path
        ``biomatch/_models`` where the wheel put it, else ``models/`` of the checkout.
    """
    installed = _PACKAGE / "_models"
    return installed if installed.is_dir() else _PACKAGE.parent / "models"
