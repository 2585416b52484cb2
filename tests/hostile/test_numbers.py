"""Numbers that cannot be: every option that takes a number, and every function that takes a confidence."""

import ast
import typing
from pathlib import Path

import numpy as np
import pytest
from attack import bounded
from doors import commands
from seeds import seed_for

import biomatch
from biomatch import cli

IMPOSSIBLE = ("nan", "inf", "-inf", "1e400", "True", "0x10", "", "one")
EXTREME = (
    "0",
    "-0.0",
    "-1",
    "5e-324",
    "1e-17",
    "0.9999999999999999",
    "1e308",
    str(2**63),
    "1" + "0" * 30,
    "1.5",
)
SLOW = {
    "demo",
    "world",
    "bench",
    "search",
    "tune",
    "evaluate",
    "queue",
    "identify",
    "fit",
    "embed",
    "link",
    "run",
}
"""Commands that work for seconds when a number is possible: these meet only `IMPOSSIBLE` by default."""
BASES = {
    ("tune",): {"--max-fpir": "0.3"},
    ("scores",): {"--max-fmr": "0.1"},
    ("plan",): {"--max-fpir": "0.01"},
    ("predict",): {"--gallery": "1000", "--max-fpir": "0.01"},
    ("identify",): {"--max-fpir": "0.1"},
    ("queue",): {"--airport": "jfk", "--fnir": "0.01", "--fpir": "0.001"},
    ("link",): {"--on": "2024-06-01"},
    ("groups",): {"--by": "sex"},
}
"""What else a command needs before it looks at a number."""


def name_of(one):
    return one if isinstance(one, str) else " ".join(one)


def numbers():
    """Give every option of every command that takes a number: its command and its name."""
    return [
        (words, one.option)
        for words, given in sorted(commands().items())
        for one in given
        if one.option is not None and not one.path and {int, float} & _kinds(one.kind)
    ]


def _kinds(kind):
    parts = typing.get_args(kind)
    return set().union(*map(_kinds, parts)) if parts else {kind}


def said_to(words, option, value, home, out, capsys):
    """Run a command with a value for an option; give its exit code, after checking how it ended."""
    call = list(words)
    base = {name: one for name, one in BASES.get(words, {}).items() if name != option}
    for one in commands()[words]:
        if one.name == "out":
            call += ["--out", str(out)]
        elif one.path and one.required:
            path = str(seed_for(home, words, one.name))
            call += [path] if one.option is None else [one.option, path]
        elif one.required and one.option not in (*base, option):
            call += [one.option, "5"]
    capsys.readouterr()
    call += [f"{name}={one}" for name, one in base.items()] + [f"{option}={value}"]
    with bounded():
        code = cli.run(call)
    told = capsys.readouterr()
    about = f"{call} ended with {code}: {told.err[-500:]}"
    assert code in (0, 1, 2), about
    if code == 2:
        assert len([line for line in told.err.splitlines() if line.startswith("biomatch: ")]) == 1, about
    else:
        printed = (told.out + told.err).lower().replace("(", " ").replace(",", " ").split()
        assert not {"nan", "+nan", "inf", "-inf", "nan%"} & set(printed), about
    return code


def test_numbers_are_found():
    found = {f"{' '.join(words)} {option}" for words, option in numbers()}
    assert {
        "compare --confidence",
        "plan --power",
        "tune --max-fpir",
        "embed --mean",
        "bench --workers",
    } <= found


@pytest.mark.parametrize(("words", "option"), numbers(), ids=name_of)
def test_what_is_no_number_is_refused(words, option, seeds, tmp_path, capsys):
    for value in IMPOSSIBLE:
        assert said_to(words, option, value, seeds, tmp_path / "o", capsys) == 2, (words, option, value)
    assert not (tmp_path / "o").exists()


QUICK = [one for one in numbers() if one[0][0] not in SLOW]


@pytest.mark.parametrize(("words", "option"), QUICK, ids=name_of)
def test_an_extreme_number_is_refused_or_answered(words, option, seeds, tmp_path, capsys):
    for value in EXTREME:
        said_to(words, option, value, seeds, tmp_path / value, capsys)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "option"),
    [one for one in numbers() if one[0][0] in SLOW - {"demo", "bench"}],
    ids=name_of,
)
def test_an_extreme_number_of_a_long_command(words, option, seeds, tmp_path, capsys):
    for value in EXTREME:
        said_to(words, option, value, seeds, tmp_path / value, capsys)


@pytest.mark.parametrize("correlation", ["1e-300", "1e-15", "1e-9", "0.3", "0.999999999"])
def test_a_plan_for_clusters_has_no_gaps(correlation, seeds, tmp_path, capsys):
    for expected in ("1e-15", "0.001"):
        call = ["plan", "--max-fpir=0.01", "--per-subject=3", f"--expected={expected}"]
        assert cli.run([*call, f"--correlation={correlation}"]) == 0
        capsys.readouterr()


def functions_with_confidence():
    """Give every public function and method whose signature has a `confidence`: file, name and its tree."""
    home = Path(biomatch.__file__).parent
    for file in sorted(home.rglob("*.py")):
        for one in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
                given = (*one.args.posonlyargs, *one.args.args, *one.args.kwonlyargs)
                if "confidence" in {each.arg for each in given} and "cli" not in file.parts:
                    yield str(file.relative_to(home)), one


NO_DOOR = {("tuning/guarantee.py", "refusal")}
"""Gets what another function has checked: it makes the text of an error."""


def test_every_confidence_is_checked_or_handed_on():
    """A function that computes with a confidence checks it; one that does not hands it on as it is."""
    found = 0
    for file, function in functions_with_confidence():
        found += 1
        calls = [one for one in ast.walk(function) if isinstance(one, ast.Call)]
        checked = any(
            ast.unparse(one.func) in ("checks.confidence", "check_claim", "_check")
            and any("confidence" in ast.unparse(each) for each in one.args)
            for one in calls
        )
        handed = {id(each) for one in calls for each in (*one.args, *(k.value for k in one.keywords))}
        used = [
            one
            for one in ast.walk(function)
            if isinstance(one, ast.Name) and one.id == "confidence" and id(one) not in handed
        ]
        assert checked or not used or (file, function.name) in NO_DOOR, f"{file}: {function.name}"
    assert found > 40


@pytest.mark.parametrize(
    "confidence", [95, 1, 0, -0.1, float("nan"), float("inf"), "95%", None, True, [0.95]]
)
def test_a_confidence_of_python_is_a_share(confidence):
    from biomatch import rates, verification_curve
    from biomatch.errors import BiomatchError
    from biomatch.evaluation.alerts.precision import box_confidence
    from biomatch.overstay.linkage.posteriors.spread import count_interval
    from biomatch.reporting.own.facts import of_curve
    from biomatch.studies.compare import wilson
    from biomatch.tuning import clusters, usual

    scores = np.random.default_rng(1).normal(size=200)
    curve = verification_curve(scores + 3, scores)
    for door in (
        lambda: rates.rate(3, 10, confidence),
        lambda: curve.fmr(1.0, confidence),
        lambda: box_confidence(confidence),
        lambda: count_interval(np.full(9, 0.3), 0.1, confidence=confidence),
        lambda: of_curve(curve, confidence=confidence),
        lambda: wilson(3, 10, confidence),
        lambda: usual.at_target(curve, 0.1, confidence),
        lambda: clusters.subjects_needed(0.1, 1, confidence),
        lambda: clusters.upper_bound(np.array([9, 1]), 10, 1, confidence),
    ):
        with pytest.raises(BiomatchError):
            door()
