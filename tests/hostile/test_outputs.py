"""Outputs survive whatever cuts their writer off, and nothing of another question is lost by a slip."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from biomatch import cli
from biomatch.errors import SettingsError, TableError
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tables import places, storage

CUT = """
import os, sys
from pathlib import Path
from biomatch.tables import places, storage

left = int(sys.argv[2])

def counted(function):
    def call(*given, **more):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return function(*given, **more)
    return call

Path.rename = counted(Path.rename)
places.sync = counted(places.sync)
places.shutil.rmtree = counted(places.shutil.rmtree)
with storage.new_folder(sys.argv[1], "thing", {"n": 2}) as folder:
    (folder / "a").write_text("second")
print("whole")
"""


def write(place, number, text, **more):
    with storage.new_folder(place, "thing", {"n": number}, **more) as folder:
        (folder / "a").write_text(text)


def test_a_kill_at_any_step_leaves_the_output_before_or_after(tmp_path):
    ends = []
    for step in range(12):
        place = tmp_path / str(step) / "out"
        write(place, 1, "first")
        done = subprocess.run(
            [sys.executable, "-c", CUT, str(place), str(step)], capture_output=True, text=True, check=False
        )
        read = storage.open_folder(place, "thing")["about"]["n"]
        assert (place / "a").read_text() == {1: "first", 2: "second"}[read]
        write(place, 3, "third")  # the same command goes on, and sweeps up
        assert [one.name for one in place.parent.iterdir()] == ["out"]
        ends.append((done.returncode, read))
        if done.returncode == 0:
            break
    assert ends[0] == (9, 1)
    assert ends[-1] == (0, 2)
    assert (9, 2) in ends


def test_what_a_killed_writer_of_a_file_left_is_swept_up(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    (tmp_path / f".p.json.partial-{int(done.stdout)}").write_text("half")
    storage.write_text(tmp_path / "p.json", "whole")
    assert [one.name for one in tmp_path.iterdir()] == ["p.json"]


def test_another_question_is_replaced_only_when_asked(tmp_path):
    write(tmp_path / "o", 1, "first", question="a")
    write(tmp_path / "o", 2, "again", question="a")
    with pytest.raises(TableError, match="another question"):
        write(tmp_path / "o", 3, "other", question="b")
    assert (tmp_path / "o" / "a").read_text() == "again"
    with places.overwriting():
        write(tmp_path / "o", 3, "other", question="b")
    assert (tmp_path / "o" / "a").read_text() == "other"


def test_a_point_keeps_its_lineages_and_its_place(tmp_path, capsys):
    system = System.load("default")
    point = OperatingPoint.of(0.4, system, lineages=[7], guarantee={"target": 0.01})
    point.write(tmp_path / "p.json")
    assert OperatingPoint.read(tmp_path / "p.json") == point
    laid = json.loads((tmp_path / "p.json").read_text())
    for change in ({"lineages": []}, {"face_threshold": 0.1}, {"guarantee": {}}, {"seal": None}):
        (tmp_path / "q.json").write_text(json.dumps(laid | change))
        with pytest.raises(SettingsError, match="seal"):
            OperatingPoint.read(tmp_path / "q.json")
    (tmp_path / "hand.toml").write_text("face_threshold = 0.4\n")
    assert OperatingPoint.read(tmp_path / "hand.toml").lineages == []
    with pytest.raises(TableError, match="another question"):
        OperatingPoint.of(0.4, system, lineages=[8]).write(tmp_path / "p.json")
    (tmp_path / "mine.txt").write_text("my notes")
    with pytest.raises(TableError, match="something else"):
        point.write(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "my notes"


def test_an_edited_folder_is_noticed(tmp_path):
    write(tmp_path / "o", 1, "first")
    file = tmp_path / "o" / storage.CONTENTS
    laid = json.loads(file.read_text())
    laid["about"]["n"] = 2
    file.write_text(json.dumps(laid))
    with pytest.raises(TableError, match="edited"):
        storage.open_folder(tmp_path / "o", "thing")


def test_check_reads_everything(tmp_path, capsys):
    write(tmp_path / "o", 1, "first")
    assert cli.run(["check", str(tmp_path / "o"), "--json"]) == 0
    seal = json.loads(capsys.readouterr().out)["seal"]
    assert cli.run(["check", str(tmp_path / "o"), "--expect-hash", seal]) == 0
    assert cli.run(["check", str(tmp_path / "o"), "--expect-hash", "0" * 64]) == 2
    (tmp_path / "o" / "more").write_text("x")
    assert cli.run(["check", str(tmp_path / "o")]) == 2


SIGNALS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
START = "from biomatch.cli import main; main()"
PLAIN = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_cleans_up(tmp_path, number, code):
    ready = (
        "import signal, sys, time\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "from biomatch import cli\nfrom biomatch.tables import storage\n"
        "def slow(app):\n"
        "    def command():\n"
        "        with storage.new_folder(sys.argv[1], 'thing') as folder:\n"
        "            print('begun', flush=True)\n            time.sleep(60)\n"
        "    app.command('slow')(command)\n"
        "    app.command('other')(lambda: None)\n"
        "import typer\n"
        "def build(*_):\n    app = typer.Typer()\n    slow(app)\n    return app\n"
        "cli.build = build\nsys.exit(cli.run(['slow']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", ready, str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "nothing half-written" in said
    assert not list(tmp_path.iterdir())


def test_an_unexpected_error_is_no_verdict(tmp_path, monkeypatch, capsys):
    import biomatch.settings.scenario as scenario

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(scenario.Scenario, "names", lambda: 1 / 0)
    assert cli.run(["scenario", "list"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    (details,) = tmp_path.glob("biomatch-crash-*.txt")
    assert str(details) in line
    assert "ZeroDivisionError" in details.read_text()
    assert details.stat().st_mode & 0o077 == 0


def test_output_in_ascii_and_on_closed_or_full_streams(tmp_path):
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PYTHONIO"))}
    words = [sys.executable, "-c", "from biomatch.cli import main; main()", "scenario", "show", "airport"]
    ascii_only = bare | {
        "LC_ALL": "C",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    done = subprocess.run(words, env=ascii_only, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    shell = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -c '{START}' scenario show airport | head -1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shell.stderr == ""
    assert len(shell.stdout.splitlines()) == 1


@pytest.mark.slow
def test_two_hundred_kills_over_all_commands(seeds, tmp_path):
    """Kill every command that writes at some moment; the same command then ends as if nothing had been."""
    home = seeds
    calls = {
        "world": ["world", "tiny", "--seed", 2, "--set", "travellers=150"],
        "search": ["search", home / "w2"],
        "tune": ["tune", home / "l1", home / "w1", "--max-fpir", "0.3"],
        "run": ["run", home / "w2", "--at", home / "p.json", "--lists", home / "l2"],
        "evaluate": ["evaluate", home / "run", home / "w2"],
        "identify": ["identify", home / "references.npz", home / "probes.npz"],
    }
    main = "from biomatch.cli import main; main()"
    for number in range(200):
        name = sorted(calls)[number % len(calls)]
        place = tmp_path / f"{name}-{number}" / ("out.json" if name == "tune" else "out")
        place.parent.mkdir()
        words = [sys.executable, "-c", main, *map(str, calls[name]), "--out", str(place)]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3 + 0.02 * number)
        process.kill()
        process.wait()
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)
        assert [one.name for one in Path(place.parent).iterdir()] == [place.name]
