"""Runs what the README shows; ``python tests/docs/transcript.py --write`` puts today's output into it."""

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
STEP = re.compile(r"^\$ (.*?(?<!\\))\n(.*?)(?=^\$ |\Z)", re.DOTALL | re.MULTILINE)


def steps(text):
    """The commands of all transcripts with what is printed below each."""
    return STEP.findall("".join(BLOCK.findall(text)))


def answer(command, folder):
    """What a command prints in a folder; a refusal stands on standard error."""
    words = shlex.split(command.replace("\\\n", " "))
    if words[0] != "biomatch":
        raise ValueError("the transcript shows biomatch alone")
    call = [sys.executable, "-c", "from biomatch.cli import main; main()", *words[1:]]
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=False)
    given = done.stdout + (done.stderr if done.returncode else "")
    return given.replace(f"{Path(folder).resolve()}/", "").replace(f"{folder}/", "")


def fits(expected, given):
    """Whether output fits what is printed, where ``...`` stands for anything within a line."""
    pattern = r"[^\n]*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, given.strip()) is not None


def write():
    """Run every block's commands and put their output below them."""
    with tempfile.TemporaryDirectory() as folder:

        def renewed(block):
            commands = [command for command, _ in STEP.findall(block.group(1))]
            lines = [f"$ {command}\n{answer(command, folder).rstrip()}\n" for command in commands]
            return "```console\n" + "".join(lines) + "```"

        README.write_text(BLOCK.sub(renewed, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__" and "--write" in sys.argv:
    write()
