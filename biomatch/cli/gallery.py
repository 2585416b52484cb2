"""``gallery``: a gallery's folder, checked, described and brought into today's form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A gallery's folder.")]
Expected = Annotated[
    str | None,
    typer.Option("--expect-hash", help="The content hash that it must have, as whoever gave it said."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    gallery = typer.Typer(help="Check, describe or upgrade a gallery's folder.", no_args_is_help=True)
    gallery.command()(show)
    gallery.command()(upgrade)
    app.add_typer(gallery, name="gallery")


def show(path: Folder, expect_hash: Expected = None, as_json: Json = False) -> None:
    """Read all of a gallery, check it, and print what it is and its content hash. Nothing is written."""
    from biomatch.gallery import Gallery

    with Gallery.open(path, read_only=True, expect_hash=expect_hash) as gallery:
        about, found = gallery.about(), gallery.content_hash
    payload = {
        "path": path,
        "content_hash": found,
        **{name: about[name] for name in ("format", "index", "dimension", "enrolled", "rows")},
    }
    lines = [
        f"{path.absolute()}: a gallery of format {about['format']}, whole",
        f"{about['enrolled']:,} references enrolled, {about['rows']:,} held; "
        f"dimension {about['dimension']}, index {about['index']}",
        f"content hash {found}",
    ]
    emit(as_json, payload, lines)


def upgrade(path: Folder, expect_hash: Expected = None, as_json: Json = False) -> None:
    """Bring a gallery's folder into today's form, in one step, after checking all of it."""
    from biomatch.gallery import upgrade as upgrade_gallery

    made = upgrade_gallery(path, expect_hash=expect_hash)
    lines = [f"{path.absolute()}: format {made.format_after} already, nothing to do"]
    if made.format_before != made.format_after:
        lines = [
            f"{path.absolute()}: format {made.format_before} is now format {made.format_after}",
            f"content hash before: {made.hash_before}",
        ]
    lines.append(f"content hash: {made.hash_after}")
    lines += [f"left alone, it does not count: {name}" for name in made.left]
    emit(as_json, {name: getattr(made, name) for name in made.__dataclass_fields__}, lines)
