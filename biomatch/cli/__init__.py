"""The command line: one thin function a command, a file a family; heavy imports happen inside them.

Exit codes: 0 done, 1 a check or claim failed, 2 the input was at fault, 130 interrupted.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from biomatch.cli import catalog, once
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
    "completion",
)
DONE, FAILED, AT_FAULT, INTERRUPTED = 0, 1, 2, 130
STOPPED = "biomatch: interrupted; nothing half-written was left\n"


def build(families: Sequence[str] = FAMILIES) -> typer.Typer:
    """Make the application from its families of commands, or from one of them, which starts sooner."""
    app = typer.Typer(
        name="biomatch",
        help="Simulate and benchmark biometric entry and exit at borders. All data are synthetic.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for family in families:
        import_module(f"biomatch.cli.{family}").register(app)
    for command in app.registered_commands:
        name = command.name or (command.callback.__name__ if command.callback else "")
        command.epilog = catalog.epilogue(name) or None
    for group in app.registered_groups:
        group.epilog = catalog.epilogue(str(group.name)) or None
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; give its exit code, with one clear line on standard error for a fault."""
    if "_BIOMATCH_COMPLETE" in os.environ:
        return _complete()
    if (answer := _answered(arguments)) is not None:
        return answer
    family = catalog.family_of(arguments[0])
    # One family takes its own command for the whole application, so a second keeps the word in front.
    families = FAMILIES if family is None else tuple(dict.fromkeys((family, "settings")))
    command = once.guard(typer.main.get_command(build(families)))
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


def _answered(arguments: list[str]) -> int | None:
    """Answer what takes no command: help, the version, a word that is no command; None for all else."""
    if not arguments:
        sys.stderr.write(catalog.overview() + "\n")
        return AT_FAULT
    word = arguments[0]
    if word in ("-h", "--help", "help"):
        sys.stdout.write(catalog.overview() + "\n")
        return DONE
    if word == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"biomatch {version('biomatch')}\n")
        return DONE
    if not word.startswith("-") and catalog.family_of(word) is None:
        close = difflib.get_close_matches(word, list(catalog.ENTRIES), n=1)
        if close:
            sys.stderr.write(f"biomatch: no command {word!r}; did you mean {close[0]!r}?\n")
            return AT_FAULT
    return None


def _complete() -> int:
    """Answer the shell, which asks for completions by an environment variable."""
    from typer import completion

    completion.completion_init()  # type: ignore[attr-defined]
    app = build()
    typer.main.get_command(app).main(args=[], prog_name="biomatch", complete_var="_BIOMATCH_COMPLETE")
    return DONE
