"""Several galleries' searches in one call of `biomatch scores`: pooled, with the average beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Galleries:
    """Files of searches, one a gallery, and the curve of each."""

    paths: tuple[Path, ...]
    curves: tuple[Any, ...]

    def pooled(self) -> Any:
        """Put all searches together: each weighs the same; a subject of one file is none of another."""
        from biomatch.curves.pooled import pool

        longest = max(one.list_length for one in self.curves)
        return pool([replace(one, list_length=longest) for one in self.curves])

    def told(self, threshold: float) -> tuple[dict[str, Any], list[str]]:
        """Give the rates of each gallery at a threshold, and their plain average."""
        from biomatch.decimals import text

        rows = []
        for path, one in zip(self.paths, self.curves, strict=True):
            false, missed = one.fpir(threshold), one.fnir(threshold, one.list_length)
            rows.append({"file": path.absolute(), "enrolled": one.enrolled_counts[0], "fpir": false,
                         "fnir": missed})  # fmt: skip
        average = {
            name: sum(values) / len(values) if values else None
            for name in ("fpir", "fnir")
            for values in [[row[name].value for row in rows if row[name].value is not None]]
        }
        lines = [
            f"{len(rows)} galleries pooled (each search weighs the same), at threshold {text(threshold)}:"
        ]
        lines += [f"  {row['file'].name}: FPIR {row['fpir']}, FNIR {row['fnir']}" for row in rows]
        shown = {name: "none" if one is None else f"{one:.3g}" for name, one in average.items()}
        lines.append(f"  averaged (each gallery weighs the same): FPIR {shown['fpir']}, FNIR {shown['fnir']}")
        payload = {"combined": "pooled: each search weighs the same", "galleries": rows, "averaged": average}
        return payload, lines


def of_searches(paths: Sequence[Path]) -> bool:
    """Say whether several files each hold the searches of a gallery (a column or array of top scores)."""
    return len(paths) > 1 and all(_holds(path) for path in paths)


def _holds(path: Path) -> bool:
    from biomatch import files
    from biomatch.scorefiles.arrays import load_npz
    from biomatch.scorefiles.lines import first_line, plain_suffix

    suffix = plain_suffix(path)
    if not path.is_file():
        return False
    if suffix == ".npz":
        return "non_mated_top_scores" in load_npz(path)
    if suffix == ".parquet":
        with files.scan_parquet(path) as lazy:
            return "top_score" in lazy.collect_schema().names()
    return suffix == ".csv" and "top_score" in [name.strip() for name in first_line(path).split(",")]
