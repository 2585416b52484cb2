"""The command line: one thin function a command, a file a family; heavy imports happen inside them.

Exit codes: 0 done, 1 a check or claim failed, 2 the input was at fault, 70 an unexpected error, 130
interrupted (129 by SIGHUP, 143 by SIGTERM).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from biomatch.cli import catalog, ending, once, outputs
from biomatch.errors import BiomatchError, closest, shown

FAMILIES = (
    "worlds.demo",
    "settings",
    "worlds.flow",
    "worlds.tune",
    "worlds.judge",
    "worlds.report",
    "worlds.review",
    "worlds.groups",
    "worlds.studies",
    "scoring.scores",
    "scoring.plan",
    "records.stays",
    "records.link",
    "records.review_sample",
    "worlds.queue",
    "matchers.predict",
    "matchers.fit",
    "matchers.verify",
    "scoring.identify",
    "gallery",
    "matchers.embed",
    "check",
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
    ending.prepare_streams()
    if "_BIOMATCH_COMPLETE" in os.environ:
        return _complete()
    if (answer := _answered(arguments)) is not None:
        return answer
    if {"-h", "--help"} & {*arguments}:
        return _run(arguments)  # reads no file: what guards reading stays unloaded
    from biomatch.files import pipes_once
    from biomatch.tables import seals
    from biomatch.tables.places import allow_overwriting

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
        family = catalog.family_of(arguments[0])
        # One family takes its own command for the whole application, so a second keeps the word in front.
        families = FAMILIES if family is None else tuple(dict.fromkeys((family, "settings")))
        command = once.guard(outputs.with_overwrite(typer.main.get_command(build(families))))
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
        close = closest(word, list(catalog.ENTRIES), cutoff=0.6)
        if close:
            sys.stderr.write(f"biomatch: no command {word!r}; did you mean {close!r}?\n")
            return AT_FAULT
    return None


def _complete() -> int:
    """Answer the shell, which asks for completions by an environment variable."""
    from typer import completion

    completion.completion_init()  # type: ignore[attr-defined]
    app = build()
    typer.main.get_command(app).main(args=[], prog_name="biomatch", complete_var="_BIOMATCH_COMPLETE")
    return DONE
