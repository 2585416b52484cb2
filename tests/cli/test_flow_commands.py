"""The contract of the flow's commands: JSON alone on standard output, exit codes, refusals that teach."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

from biomatch.tables import storage


def check_rate(found):
    assert set(found) == {"value", "numerator", "denominator", "interval"}
    if found["denominator"]:
        assert found["value"] == pytest.approx(found["numerator"] / found["denominator"])
        assert found["interval"][0] <= found["value"] <= found["interval"][1]
    else:
        assert found["value"] is None


def test_every_step_prints_one_json_object_with_absolute_paths(call, flow, tmp_path):
    steps = {
        "world": ["world", "tiny", "--seed", 3, "--out", tmp_path / "world"],
        "lists": ["search", tmp_path / "world", "--out", tmp_path / "lists"],
        "point": [
            "tune",
            tmp_path / "lists",
            tmp_path / "world",
            "--max-fpir",
            0.05,
            "--out",
            tmp_path / "point",
        ],
        "run": ["run", flow / "w2", "--at", tmp_path / "point", "--out", tmp_path / "run"],
        "result": ["evaluate", tmp_path / "run", flow / "w2", "--out", tmp_path / "result"],
        "report": ["report", tmp_path / "result", "--out", tmp_path / "report.html"],
    }
    for key, words in steps.items():
        answer = call(words[0], *words[1:], "--json")
        assert answer.code == 0, answer.err
        assert answer.json[key] == str(words[-1])
        assert words[-1].exists()
    answer = call("evaluate", tmp_path / "run", flow / "w2", "--out", tmp_path / "again", "--json")
    for name in ("fpir", "fnir", "system_miss_rate"):
        check_rate(answer.json[name])
    check_rate(answer.json["overstays"][0]["precision"])


def test_dates_of_a_run_are_never_added_up(call, flow, tmp_path):
    """A list as of one date restates that of another: each is counted for itself, in text and in JSON."""
    words = ["run", flow / "w2", "--at", flow / "point.json"]
    both = ["--on", "2024-07-28", "--on", "2024-08-27"]
    answer = call(*words, *both, "--out", tmp_path / "both", "--json")
    assert list(answer.json["as_of"]) == ["2024-07-28", "2024-08-27"]
    for day, counts in answer.json["as_of"].items():
        one = call(*words, "--on", day, "--out", tmp_path / day, "--json").json
        assert one["as_of"] == {day: counts}
        assert one["stays"] == counts["stays"] == sum(counts["statuses"].values())
    assert answer.json["stays"] == answer.json["as_of"]["2024-08-27"]["stays"]
    printed = call(*words, *both, "--out", tmp_path / "printed").out
    for day, counts in answer.json["as_of"].items():
        assert f"as of {day}: {counts['stays']:,} stays, " in printed
    twice = call(*words, "--on", "2024-08-27", *both, "--out", tmp_path / "twice", "--json")
    assert twice.json["as_of"] == answer.json["as_of"]


def test_without_json_every_path_written_is_printed(call, flow, tmp_path):
    for words in (
        ["world", "tiny", "--seed", 3, "--out", tmp_path / "w"],
        ["search", flow / "w1", "--out", tmp_path / "l"],
        ["run", flow / "w2", "--at", flow / "point.json", "--out", tmp_path / "r"],
        ["evaluate", flow / "r2", flow / "w2", "--out", tmp_path / "e"],
        ["report", flow / "e2", "--out", tmp_path / "report.html"],
    ):
        answer = call(*words)
        assert answer.code == 0, answer.err
        assert str(words[-1]) in answer.out


def test_the_same_call_gives_the_same_bytes(call, flow, tmp_path):
    assert call("world", "tiny", "--seed", 1, "--out", tmp_path / "w1").code == 0
    assert tree(tmp_path / "w1") == tree(flow / "w1")
    assert call("search", tmp_path / "w1", "--out", tmp_path / "l1", "--threads", 1).code == 0
    assert tree(tmp_path / "l1") == tree(flow / "l1")
    assert call("run", flow / "w2", "--at", flow / "point.json", "--out", tmp_path / "r2").code == 0
    assert tree(tmp_path / "r2") == tree(flow / "r2")


def test_a_relative_path_gives_the_same_bytes(call, flow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("world", "tiny", "--seed", 1, "--out", "w1").code == 0
    assert tree(tmp_path / "w1") == tree(flow / "w1")


def test_another_seed_is_another_world(flow):
    one, two = (tree(flow / name) for name in ("w1", "w2"))
    assert set(one) == set(two)
    for name in ("encounters", "documents", "manifests"):
        assert one[f"observed/{name}.parquet"] != two[f"observed/{name}.parquet"]
    assert one["observed/templates.npy"] != two["observed/templates.npy"]
    assert one["truth/people.parquet"] != two["truth/people.parquet"]


def tree(place):
    return {str(f.relative_to(place)): storage.digest(f) for f in sorted(place.rglob("*")) if f.is_file()}


def test_run_and_search_work_without_truth(call, flow, tmp_path):
    shutil.copytree(flow / "w2", tmp_path / "w2")
    shutil.rmtree(tmp_path / "w2" / "truth")
    assert call("search", tmp_path / "w2", "--out", tmp_path / "l2").code == 0
    assert call("run", tmp_path / "w2", "--at", flow / "point.json", "--out", tmp_path / "r2").code == 0
    assert tree(tmp_path / "r2") == tree(flow / "r2")
    answer = call("evaluate", tmp_path / "r2", tmp_path / "w2", "--out", tmp_path / "e2")
    assert answer.code == 2
    assert "truth" in answer.err


def test_seed_and_lineage_stand_only_under_truth(flow):
    shutil_free = [f for f in (flow / "w1").rglob("*") if f.is_file() and "truth" not in f.parts]
    contents = json.loads((flow / "w1" / "contents.json").read_text())
    assert "seed" not in json.dumps(contents["about"])
    assert "lineage" not in json.dumps(contents["about"])
    assert len(shutil_free) >= 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["world", "airprt", "--seed", "1", "--out", "x"], "did you mean 'airport'"),
        (["world", "tiny", "--seed", "-1", "--out", "x"], "allowed: 0 to"),
        (["world", "tiny", "--seed", str(2**32), "--out", "x"], "allowed: 0 to"),
        (["world", "tiny", "--seed", "1", "--out", "x", "--set", "travelers=5"], "did you mean 'travellers'"),
        (["world", "tiny", "--seed", "1", "--out", "x", "--set", "travellers=-5"], "allowed: at least 1"),
        (["world", "tiny", "--seed", "1"], "--out"),
        (["search", "absent", "--out", "x"], "absent"),
        (["search", "WORLD", "--out", "x", "--system", "defaul"], "did you mean 'default'"),
        (["search", "WORLD", "--out", "x", "--set", "gallery.index=flatt"], "allowed"),
        (["run", "WORLD", "--at", "absent.json", "--out", "x"], "absent.json"),
        (["run", "WORLD", "--at", "POINT", "--out", "x", "--on", "yesterday"], "YYYY-MM-DD"),
        (["tune", "LISTS", "--max-fpir", "0.1", "--out", "x"], "LISTS WORLD"),
        (["tune", "LISTS", "WORLD", "--max-fpir", "2", "--out", "x"], "max"),
        (["tune", "LISTS", "OTHER", "--max-fpir", "0.1", "--out", "x"], "world"),
        (["tune", "LISTS", "WORLD", "--max-fpir", "1e-9", "--out", "x"], "searches"),
        (["evaluate", "RUN", "WORLD", "--out", "x"], "world"),
        (["evaluat"], "evaluate"),
        (["scenario", "show", "airprt"], "airport"),
        (["report", "absent", "--out", "x.html"], "absent"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(call, flow, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    places = {
        "WORLD": flow / "w1", "OTHER": flow / "w2", "LISTS": flow / "l1", "POINT": flow / "point.json",
        "RUN": flow / "r2",
    }  # fmt: skip
    answer = call(*[places.get(word, word) for word in words])
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.count("\n") <= 2
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert not list(tmp_path.iterdir())


def test_tuning_and_grading_on_one_seed_is_refused_whatever_the_size(call, flow, tmp_path):
    larger = ["world", "tiny", "--seed", 1, "--set", "travellers=700", "--out", tmp_path / "w"]
    assert call(*larger).code == 0
    assert call("run", tmp_path / "w", "--at", flow / "point.json", "--out", tmp_path / "r").code == 0
    refused = call("evaluate", tmp_path / "r", tmp_path / "w", "--out", tmp_path / "e")
    assert refused.code == 2
    assert "lineage" in refused.err
    assert not (tmp_path / "e").exists()
    asked = call(
        "evaluate", tmp_path / "r", tmp_path / "w", "--out", tmp_path / "e", "--resubstitution", "--json"
    )
    assert asked.code == 0
    assert asked.json["resubstitution"] is True
    assert call("report", tmp_path / "e", "--out", tmp_path / "e.html").code == 0
    assert "resubstitution" in (tmp_path / "e.html").read_text().lower()


@pytest.mark.parametrize("harm", ["lacks", "short", "flipped", "schema"])
def test_a_world_that_is_not_whole_is_refused(call, flow, tmp_path, harm):
    place = tmp_path / "w"
    shutil.copytree(flow / "w1", place)
    file = place / "observed" / "encounters.parquet"
    if harm == "lacks":
        file.unlink()
    elif harm == "short":
        with (place / "observed" / "templates.npy").open("r+b") as opened:
            opened.truncate(1000)
    elif harm == "flipped":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 255
        file.write_bytes(bytes(data))
    else:
        contents = json.loads((place / storage.CONTENTS).read_text())
        contents["format"] = 0
        (place / storage.CONTENTS).write_text(json.dumps(contents))
    answer = call("search", place, "--out", tmp_path / "l")
    assert answer.code == 2
    assert "world" in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "l").exists()


def test_an_output_that_holds_something_else_is_refused_before_the_work(call, flow, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    for words in (["world", "tiny", "--seed", 1], ["search", flow / "w1"]):
        answer = call(*words, "--out", tmp_path / "mine")
        assert answer.code == 2
        assert "something else" in answer.err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_an_interrupt_leaves_nothing_and_the_same_command_finishes(flow, tmp_path):
    """Ctrl-C in the middle of `world`: exit 130; afterwards the same bytes as without."""
    out = tmp_path / "w1"
    code = "import sys; from biomatch.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "world", "tiny", "--seed", "1", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".w1.partial-*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.endswith("biomatch: interrupted; nothing half-written was left\n")
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tree(out) == tree(flow / "w1")


def full_disk():
    """Limit every file of this process: writing beyond fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path):
    code = "import sys; from biomatch.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "world", "tiny", "--seed", "1", "--out", str(tmp_path / "w")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=full_disk)
    assert done.returncode == 2, done.stderr
    assert "nothing half-written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_two_processes_and_one_or_two_threads_give_the_same_bytes(flow, tmp_path):
    code = "import sys; from biomatch.cli import main; main(sys.argv[1:])"
    for threads in ("1", "2"):
        command = [sys.executable, "-c", code, "search", str(flow / "w1"), "--out", str(tmp_path / threads)]
        environment = dict(os.environ) | {"OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert tree(tmp_path / threads) == tree(flow / "l1")


def test_help_names_every_command(call):
    answer = call("--help")
    for name in ("demo", "world", "search", "tune", "run", "evaluate", "report", "scenario", "system"):
        assert name in answer.out
    alone = call()  # no word at all: the same help, line by line, and a fault
    assert (alone.code, alone.out) == (2, "")
    assert alone.err.strip() == answer.out.strip()


@pytest.mark.parametrize("kind", ["scenario", "system"])
def test_what_is_built_in_is_listed_and_shown_with_sources(call, kind, tmp_path):
    names = call(kind, "list", "--json").json[f"{kind}s"]
    assert names
    for name in names:
        shown = call(kind, "show", name)
        assert shown.code == 0
        file = tmp_path / f"{name}.toml"
        file.write_text(shown.out)
        again = call(kind, "show", file, "--json").json
        assert again["id"] == call(kind, "show", name, "--json").json["id"]
        assert "# " in shown.out
