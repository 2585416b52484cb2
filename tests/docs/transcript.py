"""Runs what a page shows; ``python tests/docs/transcript.py --write [PAGE...]`` puts today's output into it.

A ``console`` block holds commands (``$ biomatch ...``, ``$ python FILE``) with what they print. A block of
another language whose first line is ``# file: NAME`` is a file that the reader saves. A ``python`` block of
``>>>`` lines is a doctest. All blocks of a page are followed in order, in one folder that is empty at first.
"""

import doctest
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
ANY_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
STEP = re.compile(r"^\$ (.*?(?<!\\))\n(.*?)(?=^\$ |\Z)", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# file: (\S+)\n")


def steps(text):
    """The commands of all transcripts with what is printed below each."""
    return STEP.findall("".join(BLOCK.findall(text)))


def answer(command, folder):
    """What a command prints in a folder; a refusal stands on standard error."""
    words = shlex.split(command.replace("\\\n", " "))
    if words[0] == "biomatch":
        call = [sys.executable, "-c", "from biomatch.cli import main; main()", *words[1:]]
    elif words[0] == "python":
        call = [sys.executable, *words[1:]]
    else:
        raise ValueError("a transcript shows biomatch and python alone")
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=False)
    given = done.stdout + (done.stderr if done.returncode else "")
    return given.replace(f"{Path(folder).resolve()}/", "").replace(f"{folder}/", "")


def fits(expected, given):
    """Whether output fits what is printed, where ``...`` stands for anything within a line."""
    pattern = r"[^\n]*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, given.strip()) is not None


def save(body, folder):
    """Save a block that is a file; tells whether it is one."""
    named = FILE.match(body)
    if named:
        (Path(folder) / named.group(1)).write_text(body[named.end() :], encoding="utf-8")
    return named is not None


def follow(page, folder):
    """Follow a page; gives (what ran, what went wrong), each a list of text."""
    ran, wrong, names = [], [], {}
    for language, body in ANY_BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            for command, expected in STEP.findall(body):
                given = answer(command, folder)
                ran.append(command)
                if not fits(expected, given):
                    wrong.append(f"$ {command}\n{given}")
        elif save(body, folder):
            ran.append(FILE.match(body).group(1))
        elif language == "python" and ">>>" in body:
            parsed = doctest.DocTestParser().get_doctest(body, names, page.name, str(page), 0)
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
            runner.run(parsed, out=wrong.append, clear_globs=False)
            names = parsed.globs  # one session a page
            ran += [example.source for example in parsed.examples]
        else:
            wrong.append(f"nothing runs this block of {language}:\n{body}")
    return ran, wrong


def write(page=README):
    """Follow a page's files and commands and put today's output below each command."""
    with tempfile.TemporaryDirectory() as folder:

        def renewed(block):
            language, body = block.groups()
            if language != "console":
                save(body, folder)
                return block.group(0)
            lines = []
            for command, _ in STEP.findall(body):
                given = answer(command, folder).rstrip()
                lines.append(f"$ {command}\n{given}\n" if given else f"$ {command}\n")
            return "```console\n" + "".join(lines) + "```"

        page.write_text(ANY_BLOCK.sub(renewed, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__" and "--write" in sys.argv:
    for name in [word for word in sys.argv[1:] if word != "--write"] or [README]:
        write(Path(name))
