"""The command line: one thin function a command, a file a family; heavy imports happen inside them.

Exit codes: 0 done, 1 a check or claim failed, 2 the input was at fault, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from biomatch.cli import once
from biomatch.errors import BiomatchError

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
    command = once.guard(typer.main.get_command(build()))
    try:
        found = command.main(args=arguments, prog_name="biomatch", standalone_mode=False)
    except BiomatchError as fault:
        sys.stderr.write(f"biomatch: {fault}\n")
        return AT_FAULT
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write(STOPPED)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away (`| head`): nothing to say, nowhere to say it
        return DONE
    except Exception as fault:
        return _usage(fault)
    if found == INTERRUPTED:  # Typer answers Ctrl-C with this code and without a word
        sys.stderr.write(STOPPED)
    return found if isinstance(found, int) else DONE


def _usage(fault: Exception) -> int:
    """Say what was wrong with the call's words; anything that is not about them is raised again."""
    code = getattr(fault, "exit_code", None)
    if code is None:
        raise fault
    if type(fault).__name__ == "NoArgsIsHelpError":  # no word was given: the help is the answer
        sys.stderr.write(f"{fault}\n")
        return AT_FAULT
    if hasattr(fault, "format_message"):
        hint = getattr(getattr(fault, "ctx", None), "command_path", "biomatch")
        said = " ".join(fault.format_message().replace("Value error, ", "").split())
        sys.stderr.write(f"biomatch: {said} (see '{hint} --help')\n")
        return AT_FAULT
    if type(fault).__name__ == "Abort":
        sys.stderr.write(STOPPED)
        return INTERRUPTED
    return int(code)
