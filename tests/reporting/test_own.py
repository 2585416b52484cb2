"""Reports, pictures, tables and points of own scores: what is in them, and what is refused."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest

import biomatch as bm
from biomatch.cli import run
from biomatch.errors import SettingsError
from biomatch.reporting.own import outputs, pictures
from biomatch.reporting.own.facts import of_curve


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    random = np.random.default_rng(11)
    people = 120
    one, two = np.triu_indices(people, 1)
    with (folder / "t.csv").open("w") as file, (folder / "u.csv").open("w") as second:
        for out in (file, second):
            print("enrol,test,label,score,sex,reference_sex", file=out)
        for i, j, score in zip(one, two, random.normal(0, 0.5, one.size), strict=True):
            for out in (file, second):
                print(f"p{j},p{i},nontarget,{score:.4f},{'FM'[i % 2]},{'FM'[j % 2]}", file=out)
        for i, score in enumerate(random.normal(2, 0.7, people)):
            print(f"p{i},p{i},target,{score:.4f},{'FM'[i % 2]},{'FM'[i % 2]}", file=file)
            print(f"p{i},p{i},target,{score - 1.0:.4f},{'FM'[i % 2]},{'FM'[i % 2]}", file=second)
    return folder


def test_everything_in_one_command(files, capsys):
    names = ["--report", "r.html", "--plot", "det.svg", "--plot", "roc.html", "--plot", "hist.png"]
    names += [
        "--table",
        "t.md",
        "--table",
        "t.tex",
        "--table",
        "t.out.csv",
        "--table",
        "t.json",
        "--table",
        "t.txt",
    ]
    names += ["--out", "p.json"]
    paths = [name if name.startswith("--") else str(files / name) for name in names]
    command = ["scores", str(files / "t.csv"), "--max-fmr", "0.1", "--by", "sex", "--assert", "fmr<=0.1"]
    assert run([*command, "--beside", str(files / "u.csv"), *paths, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    page = (files / "r.html").read_text()
    shown = str(told["guarantee"]["threshold"])
    assert f"Accept a score of {shown} or higher" in page
    for name in ("recommendation", "curve", "targets", "beside", "groups", "growth", "claims", "definitions",
                 "provenance"):  # fmt: skip
        assert f'<section id="{name}"' in page, name
    assert page.count("<script") == 1  # for the reader's own gallery size
    assert not re.search(r"(src|href)=\"https?:", page)
    assert page.count("<svg") == 2
    assert re.search(r"SHA-256 [0-9a-f]{64}", page)
    assert (files / "det.svg").read_text().startswith("<svg")
    assert (files / "hist.png").read_bytes()[:4] == b"\x89PNG"
    assert "| FMR at most | Threshold |" in (files / "t.md").read_text()
    tex = (files / "t.tex").read_text()
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") >= 2
    assert r"95\% interval" in tex
    rows = list(csv.reader((files / "t.out.csv").read_text().splitlines()))
    assert rows[0][:2] == ["FMR at most", "Threshold"]
    usual = json.loads((files / "t.json").read_text())["usual"]
    assert usual["rows"][0]["shown"] is True
    assert usual["rows"][-1]["shown"] is False
    assert bm.OperatingPoint.read(files / "p.json").face_threshold == told["guarantee"]["threshold"]
    (beside,) = told["beside"]
    assert beside["paired"] is True
    assert beside["verdict"] == "the first misses less"
    assert beside["only_second"] > beside["only_first"]


def test_cross_group_rates_divide_by_the_comparisons_between_the_two_groups(files, capsys):
    command = ["scores", str(files / "t.csv"), "--max-fmr", "0.1", "--by", "sex", "--json"]
    assert run(command) == 0
    by = json.loads(capsys.readouterr().out)["by"]
    lines = [line.split(",") for line in (files / "t.csv").read_text().splitlines()[1:]]
    for cell in by["cross_group"]:
        own = [float(row[3]) for row in lines if row[2] == "nontarget" and row[4] == cell["probe_group"]
               and row[5] == cell["reference_group"]]  # fmt: skip
        assert cell["denominator"] == len(own)
        assert cell["numerator"] == sum(score >= by["threshold"] for score in own)


def test_a_curve_from_python(tmp_path):
    curve = bm.verification_curve(np.linspace(1, 2, 50), np.linspace(0, 1.05, 2000))
    path = bm.report(curve, tmp_path / "own.html")
    assert "Own scores" in path.read_text()
    searches = bm.identification_curve(
        np.linspace(1, 2, 50), [1] * 49 + [2], np.linspace(0, 1.05, 2000), enrolled_count=500
    )
    page = bm.report(searches, tmp_path / "searches.html").read_text()
    assert page.count("<svg") == 3  # DET, CMC, histogram
    assert "at rank" in page or "rank" in page


def test_distances_stay_distances_in_the_page(tmp_path):
    random = np.random.default_rng(3)
    curve = bm.verification_curve(
        random.normal(0.3, 0.05, 200), random.normal(1.0, 0.1, 2000), distances=True
    )
    facts = of_curve(curve, target=0.01)
    page = outputs.write_report(facts, tmp_path / "d.html").read_text()
    assert f"Accept a distance of {facts.threshold:g} or lower" in page
    assert "lower is closer" in page


@pytest.mark.parametrize("kind", ["det", "roc", "histogram"])
def test_pictures_of_comparisons(kind):
    curve = bm.verification_curve([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5])
    assert pictures.picture(curve, kind, at=0.5).to_dict()["layer"]
    with pytest.raises(SettingsError, match="ranks"):
        pictures.picture(curve, "cmc")


@pytest.mark.parametrize(
    ("option", "name"), [("--report", "r.pdf"), ("--plot", "det.pdf"), ("--table", "t.docx")]
)
def test_other_ends_are_refused(files, capsys, option, name):
    command = ["scores", str(files / "t.csv"), "--max-fmr", "0.1", option, str(files / name)]
    assert run(command) == 2
    assert "allowed: a file that ends in" in capsys.readouterr().err
    assert not (files / name).exists()


def test_several_galleries_are_pooled_and_averaged_and_both_are_said(tmp_path, capsys):
    paths = []
    for number, size in enumerate((100, 300)):
        random = np.random.default_rng(number)
        path = tmp_path / f"g{number}.csv"
        paths.append(str(path))
        with path.open("w") as file:
            print("mated,mate_score,mate_rank,top_score,subject,enrolled_count", file=file)
            for at, score in enumerate(random.normal(0.6, 0.1, 50)):
                print(f"1,{score:.4f},1,{score:.4f},m{at},{size}", file=file)
            for at, score in enumerate(random.normal(0.2, 0.05, 500 + 500 * number)):
                print(f"0,,,{score:.4f},n{at},{size}", file=file)
    assert run(["scores", *paths, "--max-fpir", "0.05", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mated"], told["non_mated"]) == (100, 1500)
    assert told["combined"].startswith("pooled")
    assert (
        sum(one["fpir"]["numerator"] for one in told["galleries"])
        == told["guarantee"]["realised"]["numerator"]
    )
    mean = np.mean([one["fpir"]["value"] for one in told["galleries"]])
    assert told["averaged"]["fpir"] == pytest.approx(mean)
    assert run(["scores", *paths, "--max-fpir", "0.05", "--gallery", "1000"]) == 0
    assert "at the tested N = " in capsys.readouterr().out
