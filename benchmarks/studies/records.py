r"""`biomatch link` beside Splink and recordlinkage on the same records, at four levels of data quality.

    PYTHONPATH=PEERS python benchmarks/studies/records.py [--seeds 4] [--people 600] [--out FILE]

PEERS holds ``pip install --target PEERS "splink<5" recordlinkage`` (Splink 5.0.0 stopped in its expectation
maximisation on tables this small). A peer that is not there is left out, and the table says so. Records come
from `tests/records/conftest.py`: people who come and go for two years, with repeat visits, second passports,
exits without a record and overstays, all known.

Every contestant starts from the same pass by document (an exit closes the document's last entry), and links
what is left: exits on another document against stays that are open. Splink follows the steps of its own
tutorial (`splink_demos`, estimating model parameters; version 4's names): the prior from deterministic rules,
u by random sampling, m by expectation maximisation over two blockings, comparisons of its library for names
and dates of birth with term frequencies, trained on all entries and exits. Given and family name are compared
together (`ForenameSurnameComparison`). recordlinkage is trained by its own ECM with Jaro-Winkler on names.
Both get what they lack of time: a pair needs an exit after its entry, and links are one to one, the most
probable first, from 0.5 on.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import biomatch as bm
from biomatch.evaluation.probability_calibration import log_loss
from biomatch.rates import rate

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "records"))
from conftest import ON, Border, make_border

QUALITIES = {
    "clean": "no slips",
    "dates": "half born on 1 January, days and months exchanged on second passports",
    "names": "other vowels on second passports, seven birth dates in ten missing",
    "letters": "one other consonant on second passports, seven birth dates in ten missing",
}
Left = tuple[pl.DataFrame, pl.DataFrame]
"""What the pass by document leaves: open stays, and exits that closed none."""
Pairs = list[tuple[int, int, float]]
"""Entry row, exit row, stated probability."""
NOTHING = 1e-3  # what a pair counts for that a contestant did not list


@dataclass
class Score:
    """Counts of one contestant at one quality."""

    right: int = 0
    made: int = 0
    true: int = 0
    false_leads: int = 0
    leads: int = 0
    hidden: int = 0
    overstayers: int = 0
    believed: float = 0.0
    stated: list[float] = field(default_factory=list)
    happened: list[bool] = field(default_factory=list)
    seconds: float = 0.0


def residual(world: Border) -> Left:
    """Give what the pass by document leaves: open stays, and exits that closed none; by row."""
    plain = ["document", "date"]
    found = bm.link(
        world.entries.select(*plain, "class", "permitted_until"), world.exits.select(plain), on=ON
    )
    closed = found.links.filter(pl.col("kind") == "document")
    entries = world.entries.with_row_index("row", 1).filter(
        ~pl.col("row").is_in(closed["from_row"].implode())
    )
    exits = world.exits.with_row_index("row", 1).filter(~pl.col("row").is_in(closed["to_row"].implode()))
    return entries, exits


def split(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the columns that peers compare."""
    parts = pl.col("name").str.split(", ")
    return frame.select(
        pl.col("row").alias("unique_id"),
        family=parts.list.get(0),
        given=parts.list.get(1),
        whole_name=pl.concat_str(parts.list.get(1), parts.list.get(0), separator=" "),
        birth_date=pl.col("birth_date").cast(pl.String),
        sex="sex",
        nationality="nationality",
        document="document",
    )


def one_to_one(pairs: Pairs, entries: pl.DataFrame, exits: pl.DataFrame) -> Pairs:
    """Keep pairs whose exit comes after the entry, each end once, the most probable first, from 0.5 on."""
    came = dict(entries.select("row", "date").iter_rows())
    left = dict(exits.select("row", "date").iter_rows())
    used_entries: set[int] = set()
    used_exits: set[int] = set()
    kept = []
    for a, b, p in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        if p >= 0.5 and left[b] >= came[a] and a not in used_entries and b not in used_exits:
            used_entries.add(a)
            used_exits.add(b)
            kept.append((a, b, p))
    return kept


def ours(world: Border, _: Left, *, faces: bool) -> tuple[Pairs, Pairs]:
    """Link with biomatch; gives the links made and all pairs with their probabilities."""
    both = np.concatenate([world.faces["entries"], world.faces["exits"]]) if faces else None
    found = bm.link(world.entries, world.exits, on=ON, faces=both)
    pairs = found.links.filter(pl.col("kind") == "exit")
    listed = list(pairs.select("from_row", "to_row", "probability").iter_rows())
    return list(pairs.filter("made").select("from_row", "to_row", "probability").iter_rows()), listed


def splink(world: Border, rest: Left) -> tuple[Pairs, Pairs]:
    """Link what is left with Splink."""
    import splink.comparison_library as cl
    from splink import SettingsCreator, block_on

    logging.disable(logging.ERROR)
    rules = [
        block_on("birth_date"), block_on("family", "given"), block_on("given", "sex", "nationality"),
        block_on("family", "sex"),
    ]  # fmt: skip
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="unique_id",
        comparisons=[
            cl.ForenameSurnameComparison("given", "family", forename_surname_concat_col_name="whole_name"),
            cl.DateOfBirthComparison("birth_date", input_is_string=True),
            cl.ExactMatch("sex"),
            cl.ExactMatch("nationality").configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=rules,
    )
    everybody = [split(frame.with_row_index("row", 1)).to_pandas() for frame in (world.entries, world.exits)]
    linker = _linker(everybody, settings)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("family", "given", "birth_date")], recall=0.8
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e7, seed=1)
    for rule in (block_on("birth_date"), block_on("family", "given")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    trained = linker.misc.save_model_to_json()
    entries, exits = rest
    left = [split(entries).to_pandas(), split(exits).to_pandas()]
    # One stay at most belongs to each exit: the prior of a random pair is at most one over the stays.
    trained["probability_two_random_records_match"] = 0.5 / max(len(entries), 1)
    again = _linker(left, trained)
    table = again.inference.predict(threshold_match_probability=NOTHING).as_pandas_dataframe()
    columns = [table[name] for name in ("unique_id_l", "unique_id_r", "match_probability")]
    # Splink puts either table first: rows of entries and exits are told apart by the tables' names.
    swapped = [name == "exits" for name in table["source_dataset_l"]]
    listed = [
        (int(b), int(a), float(p)) if turn else (int(a), int(b), float(p))
        for a, b, p, turn in zip(*columns, swapped, strict=True)
    ]
    return one_to_one(listed, entries, exits), listed


def _linker(frames: list[Any], settings: Any) -> Any:
    """Make a Splink linker; the call differs between its versions 4 and 5."""
    from splink import DuckDBAPI, Linker

    names, api = ["entries", "exits"], DuckDBAPI()
    if hasattr(api, "register"):
        frames = [
            api.register(one, dataset_display_name=name) for one, name in zip(frames, names, strict=True)
        ]
        return Linker(frames, settings, log_level=None)
    return Linker(frames, settings, api, input_table_aliases=names, set_up_basic_logging=False)


def recordlinkage(_: Border, rest: Left) -> tuple[Pairs, Pairs]:
    """Link what is left with recordlinkage's ECM classifier."""
    import recordlinkage as rl

    entries, exits = rest
    a, b = (split(frame).to_pandas().set_index("unique_id") for frame in (entries, exits))
    index = rl.Index()
    for keys in ("birth_date", ["family", "given"], ["given", "sex", "nationality"], ["family", "sex"]):
        index.block(keys)
    compare = rl.Compare()
    for name in ("given", "family"):
        compare.string(name, name, method="jarowinkler", threshold=0.85, label=name)
    for name in ("birth_date", "sex", "nationality"):
        compare.exact(name, name, label=name)
    features = compare.compute(index.index(a, b), a, b)
    classifier = rl.ECMClassifier()
    classifier.fit(features)
    # Its expectation maximisation gives no number for some pairs: these are not listed.
    listed = [(*pair, float(p)) for pair, p in classifier.prob(features).items() if p == p]
    return one_to_one(listed, entries, exits), listed


def returned(world: Border) -> frozenset[int]:
    """Give the rows of entries whose document entered again later: nobody lists them."""
    rows = world.entries.with_row_index("row", 1)
    later = rows.filter(pl.col("date") < pl.col("date").max().over("document"))
    return frozenset(later["row"].to_list())


def judge(score: Score, world: Border, rest: Left, made: Pairs, listed: Pairs) -> None:
    """Add one world's counts."""
    entries, exits = rest
    open_rows, exit_rows = set(entries["row"]), set(exits["row"])
    true = {(a, b) for a, b in world.pairs.rows() if a in open_rows and b in exit_rows}
    links = {(a, b) for a, b, _ in made}
    score.right += len(links & true)
    score.made += len(links)
    score.believed += sum(p for _, _, p in made)
    score.true += len(true)
    closed = {a for a, _ in links}
    again = returned(world)
    due = entries.filter(pl.col("permitted_until") < ON)["row"].to_list()
    for row in due:
        overstays = bool(world.overstay[row - 1])
        lead = row not in closed and row not in again
        score.leads += lead
        score.false_leads += lead and not overstays
        score.overstayers += overstays
        score.hidden += (
            overstays and row in closed and (row, next(b for a, b in links if a == row)) not in true
        )
    stated = {(a, b): p for a, b, p in listed}
    for pair in set(stated) | true:
        score.stated.append(min(max(stated.get(pair, NOTHING), NOTHING), 1 - NOTHING))
        score.happened.append(pair in true)


CONTESTANTS: dict[str, Callable[[Border, Left], tuple[Pairs, Pairs]]] = {
    "biomatch": lambda world, rest: ours(world, rest, faces=False),
    "biomatch, with faces": lambda world, rest: ours(world, rest, faces=True),
    "Splink": splink,
    "recordlinkage": recordlinkage,
}


def available(name: str) -> bool:
    """Say whether a contestant is installed."""
    if name.startswith("biomatch"):
        return True
    try:
        __import__(name.lower())
    except ImportError:
        return False
    return True


def versions() -> str:
    """Name what was compared."""
    from importlib.metadata import PackageNotFoundError, version

    said = []
    for name in ("biomatch", "splink", "recordlinkage"):
        try:
            said.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            said.append(f"{name}: not installed")
    return ", ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [
        "# Linking records: biomatch beside Splink and recordlinkage",
        "",
        f"`python benchmarks/studies/records.py --seeds {given.seeds} --people {given.people}`; "
        f"{versions()}.",
        "",
        "Exits on another document, linked to stays that the pass by document leaves open, over seeds;",
        "intervals at 95% (Clopper-Pearson). Stated: links that are right by their own probabilities. False",
        "leads: suspected overstayers who have left. Hidden: overstayers whose stay a wrong link closes. Log",
        "loss: of the stated probability of each listed or true pair, in nats, cut at 0.001. Seconds: of",
        "linking, all worlds, on one machine in one run; biomatch also reads and judges each stay, peers",
        "only link what is left.",
        "",
        "| quality | linked by | precision | recall | stated | false leads | hidden | log loss | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for quality, about in QUALITIES.items():
        worlds = [
            make_border(seed, given.people, quality, miss=0.02) for seed in range(100, 100 + given.seeds)
        ]
        rests = [residual(world) for world in worlds]
        for name, linking in CONTESTANTS.items():
            if not available(name):
                lines.append(f"| {quality} | {name} | not installed | | | | | | |")
                continue
            score = Score()
            for world, rest in zip(worlds, rests, strict=True):
                began = time.perf_counter()
                made, listed = linking(world, rest)
                score.seconds += time.perf_counter() - began
                judge(score, world, rest, made, listed)
            loss = log_loss(np.array(score.stated), np.array(score.happened))
            lines.append(
                f"| {quality}: {about} | {name} | {rate(score.right, score.made)} | "
                f"{rate(score.right, score.true)} | {score.believed:.1f} of {score.made} | "
                f"{score.false_leads:,} of {score.leads:,} | "
                f"{score.hidden:,} of {score.overstayers:,} | {loss:.3f} | {score.seconds:.1f} |"
            )
            sys.stderr.write(lines[-1] + "\n")
    text = "\n".join(lines) + "\n"
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
