"""An option that is given twice is refused: which of the two values was meant cannot be told."""

from __future__ import annotations

from collections import Counter
from typing import Any


def guard(command: Any) -> Any:
    """Make a command and all commands below it refuse an option given twice, and give it back.

    Options that may be repeated (``--assert``, ``--set``) and switches, whose second mention says nothing
    new, stay as they are.
    """
    for below in getattr(command, "commands", {}).values():
        guard(below)
    make = command.make_parser

    def make_parser(context: Any) -> Any:
        parser = make(context)
        parse = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            found = parse(args=args)
            for parameter, times in Counter(found[2]).items():
                if times > 1 and _keeps_one(parameter):
                    name = max(parameter.opts, key=len)
                    context.fail(f"{name} was given {times} times; allowed: once; leave the others out")
            return found

        parser.parse_args = parse_args
        return parser

    command.make_parser = make_parser
    return command


def _keeps_one(parameter: Any) -> bool:
    """Say whether of several mentions only the last one would count."""
    if parameter.param_type_name != "option" or parameter.multiple or getattr(parameter, "count", False):
        return False
    return not getattr(parameter, "is_flag", False) or bool(parameter.secondary_opts)
