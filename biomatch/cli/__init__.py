"""The command line: one thin function a command, a file a family; heavy imports happen inside them.

Exit codes: 0 done, 1 a check or claim failed, 2 the input was at fault, 70 an unexpected error, 130
interrupted (129 by SIGHUP, 143 by SIGTERM).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer

from biomatch.cli import ending, once, outputs
from biomatch.errors import BiomatchError, shown
from biomatch.files import pipes_once
from biomatch.tables import seals
from biomatch.tables.places import allow_overwriting

FAMILIES = (
    "demo",
    "settings",
    "flow",
    "judge",
    "report",
    "review",
    "groups",
    "studies",
    "scores",
    "plan",
    "stays",
    "link",
    "review_sample",
    "queue",
    "predict",
    "fit",
    "verify",
    "identify",
    "gallery",
    "embed",
    "check",
)
DONE, FAILED, AT_FAULT, INTERRUPTED = 0, 1, 2, 130
STOPPED = "biomatch: interrupted; nothing half-written was left\n"


def build() -> typer.Typer:
    """Make the application from its families of commands."""
    app = typer.Typer(
        name="biomatch",
        help="Simulate and benchmark biometric entry and exit at borders. All data are synthetic.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for family in FAMILIES:
        import_module(f"biomatch.cli.{family}").register(app)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; give its exit code, with one clear line on standard error for a fault."""
    ending.prepare_streams()
    allow_overwriting(False)
    try:
        with ending.signals(), seals.notes() as notes, pipes_once():
            code = _run(arguments)
        for line in notes:
            ending.say(shown(line))
    except ending.StoppedError as stop:
        ending.say(STOPPED.strip())
        code = stop.code
    lost = ending.settle_output()
    if lost:
        ending.say(f"biomatch: {lost}")
        return AT_FAULT
    return code


def _run(arguments: list[str]) -> int:
    try:
        command = once.guard(outputs.with_overwrite(typer.main.get_command(build())))
        found = command.main(args=arguments, prog_name="biomatch", standalone_mode=False)
    except BiomatchError as fault:
        ending.say(f"biomatch: {fault}")
        return AT_FAULT
    except (KeyboardInterrupt, EOFError):
        ending.say(STOPPED.strip())
        return INTERRUPTED
    except BrokenPipeError:
        return DONE  # the reader went away (`| head`): nothing to say, nowhere to say it
    except OSError as fault:
        # A place that cannot be read or written is the user's to mend, whichever function met it.
        where = f"{os.fsdecode(fault.filename)}: " if fault.filename else ""
        ending.say(f"biomatch: {shown(where)}{fault.strerror or fault}; free space or choose another place")
        return AT_FAULT
    except MemoryError:
        ending.say("biomatch: there is not enough memory for this; give less at a time, or free memory")
        return AT_FAULT
    except Exception as fault:
        return _usage(fault, arguments)
    if found == INTERRUPTED:  # Typer answers Ctrl-C with this code and without a word
        ending.say(STOPPED.strip())
    return found if isinstance(found, int) else DONE


def _usage(fault: Exception, arguments: list[str]) -> int:
    """Say what was wrong with the call's words; anything that is not about them is an unexpected error."""
    code = getattr(fault, "exit_code", None)
    if code is None:
        ending.say(ending.crash(fault, arguments))
        return ending.CRASHED
    if type(fault).__name__ == "NoArgsIsHelpError":  # no word was given: the help is the answer
        ending.say(str(fault))
        return AT_FAULT
    if hasattr(fault, "format_message"):
        hint = getattr(getattr(fault, "ctx", None), "command_path", "biomatch")
        said = " ".join(fault.format_message().replace("Value error, ", "").split())
        ending.say(f"biomatch: {shown(said)} (see '{hint} --help')")
        return AT_FAULT
    if type(fault).__name__ == "Abort":
        ending.say(STOPPED.strip())
        return INTERRUPTED
    return int(code)
