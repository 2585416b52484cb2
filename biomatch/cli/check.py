"""``check``: whether a folder of biomatch is whole, read from its first byte to its last."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit
from biomatch.errors import TableError


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(check)


def check(
    folder: Annotated[Path, typer.Argument(help="A world, candidate lists, a run, a result ...")],
    expect_hash: Annotated[
        str | None,
        typer.Option("--expect-hash", metavar="SEAL", help="The seal that its maker told you."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read every file of a folder in full and compare it with its seal.

    A seal tells what was changed by accident or by halves. It is no signature: who can write the folder can
    write a new seal. To be sure of the maker, compare the seal over another channel with --expect-hash.
    """
    from biomatch.tables import seals, storage

    contents = storage.read_contents(folder)
    with seals.checking("full"):
        for name in sorted(contents["files"]):
            storage.check_hash(folder, name, contents)
    known = {*contents["files"], storage.CONTENTS}
    found = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if not one.is_dir()}
    strange = sorted(found - known)
    if strange:
        raise TableError(
            f"{folder} holds {len(strange)} files that its seal does not name, the first {strange[0]}",
            remedy="take them away",
        )
    seal = str(contents["seal"])
    if expect_hash is not None and expect_hash.strip().lower() != seal:
        raise TableError(
            f"{folder} has the seal {seal}", allowed=expect_hash, remedy="ask its maker for the folder again"
        )
    size = sum(one["bytes"] for one in contents["files"].values())
    emit(
        as_json,
        {"folder": folder, "kind": contents["kind"], "seal": seal, "files": len(known) - 1, "bytes": size},
        [f"{contents['kind']}: {len(known) - 1:,} files, {size:,} bytes, as sealed", f"seal: {seal}"],
    )
