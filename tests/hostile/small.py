"""A row of a study, made by hand."""

from biomatch.studies.rows import Row


def small_row(seed, **changes):
    counts = {"threshold": 0.4, "mated": 100, "missed": 5, "mated_due": 110, "missed_or_failed": 9}
    counts |= {"non_mated": 200, "false_positives": 3}
    cell = {"world": "w", "system": "s", "seed": str(seed), "control": "none"}
    return Row(f"{seed:016x}", cell, counts | changes, {"biomatch": "0"}, {}, {}, 1.0, "code")
