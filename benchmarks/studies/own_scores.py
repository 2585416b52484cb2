"""What is printed for score files that were once read wrongly: ``results/own_scores.md``.

``python benchmarks/studies/own_scores.py`` makes each file, runs the command on it and copies the line that
matters. What was printed before stands beside it, as it was seen.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biomatch import cli

RESULTS = Path(__file__).parent.parent / "results"


@dataclass(frozen=True)
class Case:
    """One file, one command, the line that matters, and the test that holds it."""

    what: str
    before: str
    words: str
    line: str
    test: str
    files: Callable[[], object]


def text(name: str, *rows: str) -> None:
    """Write rows as a file."""
    Path(name).write_text("\n".join(rows) + "\n")


def ties() -> None:
    """200 mated scores of 30; non-mated 900 of 10 and 100 of 20."""
    text("mated.txt", *["30"] * 200)
    text("other.txt", *["10"] * 900, *["20"] * 100)


def saturated() -> None:
    """450 mated and 3 non-mated scores of exactly 1.0."""
    text("mated.txt", *["1.0"] * 450)
    text("other.txt", *["1.0"] * 3, *["0.2"] * 997)


def distances() -> None:
    """Three mated distances below five others."""
    text(
        "d.csv",
        "label,distance",
        *(f"1,{one}" for one in (0.10, 0.15, 0.20)),
        *(f"0,{one}" for one in (0.30, 0.35, 0.60, 0.70, 0.80)),
    )


def pooled() -> None:
    """Two files that each hold both classes."""
    for name in ("a.txt", "b.txt"):
        text(name, "0.9 1", "0.8 1", "0.2 0", "0.1 0", "0.3 0")


def reordered() -> None:
    """The score stands before the label."""
    text("s.txt", "0.9 1", "0.8 1", "0.2 0", "0.1 0", "0.3 0")


def spaced() -> None:
    """A header with a space after the comma."""
    text("s.csv", "score, mated", "0.9, 1", "0.8, 1", "0.2, 0", "0.1, 0")


def third() -> None:
    """A label that is neither of the two that the others have."""
    text("s.csv", "score,label", "0.9,genuine", "0.2,impostor", "0.1,unknown")


def alone() -> None:
    """All pairs of 60 people, without their names."""
    rng = np.random.default_rng(1)
    one, two = np.triu_indices(60, 1)
    effect = rng.normal(0.0, 0.6, 60)
    other = effect[one] + effect[two] + rng.normal(0.0, 1.0, one.size)
    text("other.txt", *(f"{score:.6f}" for score in other))
    text("mated.txt", *(f"{score:.6f}" for score in rng.normal(6.0, 1.0, 200)))


def column() -> None:
    """A leading and a trailing space in a column of scores."""
    text("mated.txt", " 0.9", "0.8 ", "0.85")
    text("other.txt", "0.2 ", " 0.1", "0.3")


def grouped() -> None:
    """20,000 non-mated comparisons, of which 1,000 lie between A and A."""
    rows = ["score,mated,group,reference_group"]
    rows += ["0.9,0,A,A"] * 32 + ["0.1,0,A,A"] * 968 + ["0.1,0,A,B"] * 9_000 + ["0.1,0,B,B"] * 10_000
    text("g.csv", *rows, *["0.95,1,A,A"] * 500, *["0.95,1,B,B"] * 500)


def embedded() -> None:
    """Four people with two images each, the label of one written in capitals among the probes."""
    rng = np.random.default_rng(2)
    people = rng.normal(size=(40, 64)).astype(np.float32)
    names = np.array([f"p{at}" for at in range(40)])
    rows = np.repeat(people, 2, axis=0) + 0.3 * rng.normal(size=(80, 64)).astype(np.float32)
    np.savez("x.npz", templates=rows, labels=np.repeat(names, 2))
    names[3] = "P3"
    np.savez("y.npz", templates=people + 0.3 * rng.normal(size=(40, 64)).astype(np.float32), labels=names)


def capped() -> None:
    """One subject with five errors."""
    rows = ["score,mated,subject"] + [f"0.9,0,s{0 if at < 5 else at}" for at in range(5)]
    rows += [f"0.1,0,s{at}" for at in range(5, 3_000)] + [f"0.95,1,s{at}" for at in range(100)]
    text("c.csv", *rows)


PRINTED, FORMS = "scorefiles/test_what_is_printed.py", "scorefiles/test_forms_of_users.py"
CASES = (
    Case(
        "ties: 30 against 10 and 20, FMR at most 0.05",
        "threshold 20, at which FMR is 0.1",
        "scores mated.txt other.txt --max-fmr 0.05",
        r"guaranteed: .*bound [0-9.e-]+",
        PRINTED,
        ties,
    ),
    Case(
        "the same in JSON",
        "20.000000000000004, which is 20 in float32",
        "scores mated.txt other.txt --max-fmr 0.05 --json",
        r'"threshold": ?[0-9.]+',
        PRINTED,
        ties,
    ),
    Case(
        "450 mated and 3 others of exactly 1.0",
        "a threshold of 1, printed as if it met the target",
        "scores mated.txt other.txt --max-fmr 0.001",
        r"no threshold below .*",
        PRINTED,
        saturated,
    ),
    Case(
        "a claim on distances",
        "MET (0 of 5)",
        "scores d.csv --distances --assert fmr<=0.5@threshold=0.9",
        r"claim .*?NOT MET \([^,]*",
        PRINTED,
        distances,
    ),
    Case(
        "two files that hold both classes each",
        "pooled, with a guarantee",
        "scores a.txt b.txt --max-fmr 0.5",
        r"a.txt holds both classes.*?;",
        FORMS,
        pooled,
    ),
    Case(
        "score before label",
        "the label read as the score",
        "scores s.txt --max-fmr 0.5",
        r"taken for .*",
        FORMS,
        reordered,
    ),
    Case(
        "a space after the comma of a header",
        "refused without the reason",
        "scores s.csv --max-fmr 0.5",
        r"taken for .*",
        FORMS,
        spaced,
    ),
    Case("a third label", "counted as non-mated", "scores s.csv --max-fmr 0.5", r"s.csv.*?;", FORMS, third),
    Case(
        "all pairs of 60 people, unnamed",
        "'520 subjects', guaranteed",
        "scores mated.txt other.txt --max-fmr 0.02",
        r"independence assumed: [^.]*\.",
        "tuning/test_guarantee.py",
        alone,
    ),
    Case(
        "spaces in a one-column file",
        "refused",
        "scores mated.txt other.txt --max-fmr 0.5",
        r"\d+ mated and \d+ non-mated",
        FORMS,
        column,
    ),
    Case(
        "32 of 1,000 between A and A",
        "32 of 10,000",
        "scores g.csv --by group --max-fmr 0.5",
        r"(?m)^.*A.*1,000.*$",
        "curves/test_groups.py",
        grouped,
    ),
    Case(
        "confidence 95",
        "accepted",
        "scores mated.txt other.txt --max-fmr 0.05 --confidence 95",
        r"Invalid value .*?;",
        PRINTED,
        ties,
    ),
    Case(
        "an option given twice",
        "the last one held, silently",
        "scores mated.txt other.txt --max-fmr 0.05 --max-fmr 0.5",
        r"biomatch: .*",
        PRINTED,
        ties,
    ),
    Case(
        "a gallery that searches itself",
        "every probe found itself",
        "identify x.npz x.npz --out out",
        r"biomatch: .*?;",
        "own/test_identify.py",
        embedded,
    ),
    Case(
        "N of 80 images of 40 people; p3 and P3",
        "N = 80; mates made strangers silently",
        "identify x.npz y.npz --out out",
        r"(?i)note: .*p3.*|N ?= ?\d+",
        "own/test_identify.py",
        embedded,
    ),
    Case(
        "a cap below what was seen",
        "raised silently",
        "scores c.csv --max-fmr 0.05 --cap 2",
        r"(?i).*cap.*",
        "tuning/test_guarantee.py",
        capped,
    ),
)


def seen(case: Case) -> str:
    """Run a case in a folder of its own; give the lines that matter and the exit code."""
    out, err = io.StringIO(), io.StringIO()
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            case.files()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = cli.run(case.words.split())
        finally:
            os.chdir(home)
    lines = (err.getvalue() + out.getvalue()).strip()
    found = [match.group(0).strip().rstrip(";") for match in re.finditer(case.line, lines)]
    if not found:
        raise SystemExit(f"{case.what}: nothing of {case.line!r} in\n{lines}")
    return f"{' / '.join(dict.fromkeys(found))} (exit code {code})"


def page() -> str:
    """Write the page."""
    lines = [
        "# Score files that were read wrongly once",
        "",
        "`python benchmarks/studies/own_scores.py` makes each file, runs the command and copies the line",
        "that matters. Tests are under `tests/`.",
        "",
        "| case | before | command | now | test |",
        "|---|---|---|---|---|",
    ]
    for case in CASES:
        now = seen(case).replace("|", "\\|")
        lines.append(f"| {case.what} | {case.before} | `biomatch {case.words}` | {now} | `{case.test}` |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (RESULTS / "own_scores.md").write_text(page())
