"""What there is, by task: a sentence and two examples of every command, without importing any of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One command of the command line.

    Attributes
    ----------
    name : str
        As it is typed.
    family : str
        Module of ``biomatch.cli`` that holds it.
    says : str
        One whole sentence: the answer to "which command do I need?".
    examples : tuple of str
        Two calls, each a line; a test runs them.
    """

    name: str
    family: str
    says: str
    examples: tuple[str, str]


TASKS: dict[str, tuple[Entry, ...]] = {
    "Start here": (
        Entry(
            "demo",
            "worlds.demo",
            "Tune on one synthetic world, grade on another, and write the report.",
            ("biomatch demo --out demo", "biomatch demo --scenario seaport --max-fpir 0.003 --out seaport"),
        ),
        Entry(
            "scenario",
            "settings",
            "List the built-in scenarios, or print one as TOML with its sources.",
            ("biomatch scenario list", "biomatch scenario show tiny"),
        ),
        Entry(
            "system",
            "settings",
            "List the built-in systems under test, or print one as TOML.",
            ("biomatch system list", "biomatch system show default"),
        ),
        Entry(
            "profile",
            "settings",
            "List the built-in face profiles (synthetic matchers), or print one.",
            ("biomatch profile list", "biomatch profile show visa-border-leader"),
        ),
    ),
    "From a world to a report": (
        Entry(
            "world",
            "worlds.flow",
            "Make a synthetic border world: travellers, records and faces.",
            (
                "biomatch world tiny --seed 1 --out tuning",
                "biomatch world tiny --seed 2 --set travellers=500 --out grading",
            ),
        ),
        Entry(
            "search",
            "worlds.flow",
            "Search a world's probes one-to-many; the lists know no threshold.",
            (
                "biomatch search tuning --out lists",
                "biomatch search tuning --system manifest --out manifest-lists",
            ),
        ),
        Entry(
            "tune",
            "worlds.tune",
            "Choose a threshold, for searches, fraud or leads, with its guarantee.",
            (
                "biomatch tune lists tuning --max-fpir 0.05 --out point.json",
                "biomatch tune lists tuning --max-fpir 0.1 --gallery 100 --out larger.json",
            ),
        ),
        Entry(
            "run",
            "worlds.flow",
            "Decide, raise alerts and list overstays at the chosen thresholds.",
            (
                "biomatch run grading --at point.json --out run",
                "biomatch run grading --at larger.json --on 2024-06-30 --out june",
            ),
        ),
        Entry(
            "evaluate",
            "worlds.judge",
            "Judge a run by the truth: rates, false overstays, fraud caught.",
            (
                "biomatch evaluate run grading --out result",
                "biomatch evaluate june grading --json --out june-result",
            ),
        ),
        Entry(
            "report",
            "worlds.report",
            "Write the report of one result or several as one offline HTML file.",
            (
                "biomatch report result --out report.html",
                "biomatch report result june-result --out both.html --tables tables",
            ),
        ),
        Entry(
            "groups",
            "worlds.groups",
            "Compare error rates of groups, with intervals and inequity indices.",
            ("biomatch groups result", "biomatch groups result --by mode --max-fpir 0.1"),
        ),
        Entry(
            "review",
            "worlds.review",
            "Work through a list of overstays with fallible officers and limits.",
            ("biomatch review result", "biomatch review result --set reviews_a_day=3 --out reviews.csv"),
        ),
    ),
    "Your own data": (
        Entry(
            "scores",
            "scoring.scores",
            "Give rates, curve and threshold of scores that your matcher made.",
            (
                "biomatch scores scores.csv --max-fmr 0.1",
                "biomatch scores mated.txt non-mated.txt --max-fmr 0.05 --json",
            ),
        ),
        Entry(
            "identify",
            "scoring.identify",
            "Search your own templates one-to-many and judge every threshold.",
            (
                "biomatch identify references.npz probes.npz --out found",
                "biomatch identify references.npz probes.npz --max-fpir 0.2 --list-length 5 --out tuned",
            ),
        ),
        Entry(
            "fit",
            "matchers.fit",
            "Fit a face profile, your matcher's synthetic twin, to your data.",
            (
                "biomatch fit references.npz --out mine.toml",
                "biomatch fit --mated mated.txt --non-mated non-mated.txt --out scores.toml",
            ),
        ),
        Entry(
            "embed",
            "matchers.embed",
            "Make templates of face images with your own ONNX model.",
            (
                "biomatch embed model.onnx images --out probes.npz",
                "biomatch embed model.onnx faces.npy --mean 0 --scale 1 --out probes.npz",
            ),
        ),
        Entry(
            "stays",
            "records.stays",
            "Judge a file of stays by the rules of the US or the EU.",
            (
                "biomatch stays eu trips.csv --on 2026-03-31",
                "biomatch stays us stays.csv --on 2026-03-31 --json",
            ),
        ),
        Entry(
            "link",
            "records.link",
            "Link your own entries and exits: stays, leads and the evidence.",
            (
                "biomatch link records.csv --on 2026-03-31 --out linked",
                "biomatch link entries.csv exits.csv --on 2026-03-31 --rules eu --out linked",
            ),
        ),
        Entry(
            "waterfall",
            "records.link",
            "Show what speaks for one of your links, and what against it.",
            (
                "biomatch waterfall linked",
                "biomatch waterfall linked --link 3",
            ),
        ),
        Entry(
            "review-sample",
            "records.review_sample",
            "Draw links or leads for people to check, or read their answers.",
            (
                "biomatch review-sample linked --pairs 50 --out sample.csv",
                "biomatch review-sample linked --answers sample.csv --out moved.csv",
            ),
        ),
        Entry(
            "gallery",
            "gallery",
            "Check, describe or upgrade the folder of an enrolment database.",
            (
                "biomatch gallery show faces",
                "biomatch gallery upgrade faces",
            ),
        ),
        Entry(
            "check",
            "check",
            "Read a folder of biomatch in full and compare it with its seal.",
            (
                "biomatch check tuning",
                "biomatch check tuning --json",
            ),
        ),
    ),
    "At a port": (
        Entry(
            "queue",
            "worlds.queue",
            "Simulate the waits of a port, hour by hour, with its roster.",
            (
                "biomatch queue hall",
                "biomatch queue hall --seed 2 --replications 5 --json",
            ),
        ),
        Entry(
            "port",
            "worlds.queue",
            "List the built-in ports, or print one as TOML with its sources.",
            (
                "biomatch port list",
                "biomatch port show hall",
            ),
        ),
    ),
    "Plan and predict": (
        Entry(
            "plan",
            "scoring.plan",
            "Say how many searches and subjects it takes to show a claim.",
            (
                "biomatch plan --max-fpir 0.003",
                "biomatch plan --max-fpir 0.01 --expected-fpir 0.003 --power 0.9",
            ),
        ),
        Entry(
            "predict",
            "matchers.predict",
            "Predict threshold and FNIR at any gallery size, without simulation.",
            (
                "biomatch predict visa-border-leader --gallery 1e6 --max-fpir 0.003",
                "biomatch predict kiosk-leader --gallery 1e5 --max-fpir 0.01 --years 5",
            ),
        ),
    ),
    "Studies and checks": (
        Entry(
            "bench",
            "worlds.studies",
            "Run a grid of worlds, systems and seeds; finished runs are kept.",
            ("biomatch bench suite.toml --out study", "biomatch bench suite.toml --workers 2 --out study"),
        ),
        Entry(
            "compare",
            "worlds.studies",
            "Say which figures of two studies differ, with intervals.",
            ("biomatch compare before after", "biomatch compare before after --margin 0.01 --json"),
        ),
        Entry(
            "verify",
            "matchers.verify",
            "Check the simulation against published face recognition figures.",
            ("biomatch verify --quick", "biomatch verify --json"),
        ),
        Entry(
            "completion",
            "completion",
            "Print the script that completes commands in bash, zsh or fish.",
            ("biomatch completion bash", "biomatch completion fish"),
        ),
    ),
}
ENTRIES = {entry.name: entry for entries in TASKS.values() for entry in entries}


def family_of(word: str) -> str | None:
    """Give the family of a command; None for a word that is none of them."""
    return ENTRIES[word].family if word in ENTRIES else None


def overview() -> str:
    """Give the help of the whole command line, by task.

    Examples
    --------
    >>> print(overview().splitlines()[0])
    Usage: biomatch COMMAND [ARGUMENTS] [OPTIONS]
    """
    width = max(map(len, ENTRIES)) + 2
    lines = [
        "Usage: biomatch COMMAND [ARGUMENTS] [OPTIONS]",
        "",
        "Simulate and benchmark biometric entry and exit at borders. All data are synthetic.",
    ]
    for task, entries in TASKS.items():
        lines += ["", f"{task}:", *(f"  {entry.name:{width}}{entry.says}" for entry in entries)]
    return "\n".join(
        [
            *lines,
            "",
            "Options:",
            f"  {'-h, --help':{width + 2}}Show this; with a command, its options and two examples.",
            f"  {'--version':{width + 2}}Show the version.",
            "",
            "Exit codes: 0 done, 1 a check or claim failed, 2 the input was at fault, 130 interrupted.",
        ]
    )


def epilogue(name: str) -> str:
    """Give the two examples that stand below a command's help; empty for a command without an entry."""
    if name not in ENTRIES:
        return ""
    # \b keeps the lines as they are: a call that is wrapped cannot be copied.
    return "\n".join(["\b", "Examples:", *(f"  {example}" for example in ENTRIES[name].examples)])
