"""Every door that reads, found by looking, against hostile files: an answer or one clear refusal."""

import os
import random

import pytest
from attack import attack_command, attack_function
from corpus import SUFFIXES, damaged, junk, places, same
from doors import command_doors, function_doors
from seeds import seed_for

COMMANDS, FUNCTIONS = command_doors(), function_doors()
COSTLY = {("bench",), ("world",)}
"""Commands that work for long where a damage leaves a file valid: these meet junk, no mutations."""
SEALED = {"w2", "l2", "run", "result", "study-a", "study-b", "p.json"}
"""Artefacts under a seal: any change of any byte is refused."""
JUNK = junk()


def test_the_doors_are_found():
    told = {str(door) for door in COMMANDS}
    for known in ("search WORLD", "run --at", "identify REFERENCES", "scores FILES", "stays us FILE"):
        assert known in told
    assert len(COMMANDS) > 30
    functions = {str(door) for door in FUNCTIONS}
    for known in ("biomatch.worlds.open_world", "biomatch.policy.OperatingPoint.read"):
        assert known in functions
    assert len(FUNCTIONS) > 40


@pytest.mark.parametrize("door", COMMANDS, ids=str)
def test_a_command_answers_or_refuses_whatever_stands_at_a_path(door, seeds, tmp_path, capsys):
    for number, (what, path) in enumerate(places(tmp_path / "p")):
        code = attack_command(door, path, seeds, tmp_path / f"o{number}", capsys)
        assert code == 2, f"{door} took {what}"


@pytest.mark.parametrize("door", COMMANDS, ids=str)
def test_a_command_refuses_junk(door, seeds, tmp_path, capsys):
    suffix = seed_for(seeds, door.words, door.name).suffix
    for number, (what, data) in enumerate(JUNK.items()):
        if number % 4 != COMMANDS.index(door) % 4:  # `test_every_command_refuses_all_junk` has the others
            continue
        file = tmp_path / f"junk{number}{suffix}"
        file.write_bytes(data)
        code = attack_command(door, str(file), seeds, tmp_path / f"o{number}", capsys)
        assert code != 1, f"{door} made a verdict of {what}"


@pytest.mark.parametrize("door", FUNCTIONS, ids=str)
def test_a_function_answers_or_refuses(door, seeds, tmp_path):
    for _, path in places(tmp_path / "p"):
        attack_function(door, path)
    for number, data in enumerate(JUNK.values()):
        file = tmp_path / f"junk{number}{('.csv', '.npz', '.toml', '.parquet')[number % 4]}"
        file.write_bytes(data)
        attack_function(door, file)


@pytest.mark.slow
@pytest.mark.parametrize("door", COMMANDS, ids=str)
def test_every_command_refuses_all_junk(door, seeds, tmp_path, capsys):
    for suffix in SUFFIXES:
        for number, (what, data) in enumerate(JUNK.items()):
            file = tmp_path / f"junk{number}{suffix}"
            file.write_bytes(data)
            code = attack_command(door, str(file), seeds, tmp_path / f"o{number}", capsys)
            assert code != 1, f"{door} made a verdict of {what}"


def mutate(door, home, rng, place, capsys, number):
    seed = seed_for(home, door.words, door.name)
    hostile = place / f"m{number}{seed.suffix}"
    what = damaged(seed, hostile, rng)
    code = attack_command(door, str(hostile), home, place / f"o{number}", capsys)
    if seed.name in SEALED and not same(seed, hostile):
        assert code == 2, f"{door}: {what} was not noticed"
    return code


@pytest.mark.parametrize("door", [one for one in COMMANDS if one.words not in COSTLY], ids=str)
def test_a_command_notices_damage(door, seeds, tmp_path, capsys):
    rng = random.Random(str(door))
    for number in range(4):
        mutate(door, seeds, rng, tmp_path, capsys, number)


@pytest.mark.slow
def test_two_thousand_damaged_files(seeds, tmp_path, capsys):
    doors = [one for one in COMMANDS if one.words not in COSTLY]
    ends = {}
    for number in range(2000):
        door = doors[number % len(doors)]
        place = tmp_path / str(number)
        place.mkdir()
        code = mutate(door, seeds, random.Random(f"{door} {number}"), place, capsys, number)
        ends[code] = ends.get(code, 0) + 1
    assert sum(ends.values()) == 2000
    assert ends[2] > 1000


def test_a_path_is_no_pattern(seeds, tmp_path, capsys):
    """``run[1]`` is a folder beside ``run1``; ``a*.csv`` is one file, or none."""
    import shutil

    from biomatch import cli

    for odd in ("w[12]", "w*", "w?", "{w}", "w 1 \u00e9\u4e2d"):
        shutil.copytree(seeds / "w2", tmp_path / odd)
    shutil.copytree(seeds / "w1", tmp_path / "w1")
    from biomatch.worlds import open_world

    expected = open_world(seeds / "w2").id
    for odd in ("w[12]", "w*", "w?", "{w}", "w 1 \u00e9\u4e2d"):
        assert open_world(tmp_path / odd).id == expected
        assert cli.run(["search", str(tmp_path / odd), "--out", str(tmp_path / f"l{odd}")]) == 0
        assert cli.run(["search", str(tmp_path / odd), "--out", str(tmp_path / f"l{odd}")]) == 0
    rows = (seeds / "scores.csv").read_text()
    for name in ("a1.csv", "a2.csv"):
        (tmp_path / name).write_text(rows)
    capsys.readouterr()
    assert cli.run(["scores", str(tmp_path / "a*.csv"), "--max-fmr", "0.1"]) == 2
    (tmp_path / "a[1].csv").write_text(rows.replace("score", "score", 1))
    assert cli.run(["scores", str(tmp_path / "a[1].csv"), "--max-fmr", "0.1"]) == 0


def test_what_comes_through_a_pipe_is_counted_whole(seeds, tmp_path, capsys):
    import json
    import threading

    from biomatch import cli, files

    lines = "".join(f"{n % 2} {n % 2 + n / 6000:.6f}\n" for n in range(3000))
    (tmp_path / "plain.txt").write_text(lines)
    os.mkfifo(tmp_path / "pipe.txt")
    words = ["--format", "bob-2", "--max-fmr", "0.1", "--json"]
    told = []
    files.PIPE_SECONDS = 20.0
    for form in (words, words[2:]):  # the form said, and guessed
        for name in ("plain.txt", "pipe.txt"):
            if name == "pipe.txt":
                threading.Thread(target=(tmp_path / name).write_text, args=(lines,), daemon=True).start()
            capsys.readouterr()
            assert cli.run(["scores", str(tmp_path / name), *form]) == 0
            said = json.loads(capsys.readouterr().out)
            said.pop("files", None)
            told.append({k: v for k, v in said.items() if "pipe" not in str(v) and "plain" not in str(v)})
    assert told[0] == told[1]
    assert told[2] == told[3]
