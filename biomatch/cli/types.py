"""Types of options that several commands take: one check for each kind of number (`biomatch.checks`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from biomatch import checks
from biomatch.errors import BiomatchError, SettingsError


def checked(check: Callable[..., Any], **more: Any) -> Callable[[Any, Any], Any]:
    """Make the callback of an option whose value `check` refuses or gives back; None stays None."""

    def call(param: typer.CallbackParam, value: Any) -> Any:
        if value is None:
            return None
        name = max((str(one) for one in param.opts), key=len)
        try:
            return check(value, name, error=SettingsError, **more)
        except BiomatchError as fault:
            given, _, rest = str(fault).partition("; ")
            raise typer.BadParameter(f"{given.partition('=')[2]}; {rest}" if rest else given) from None

    return call


Confidence = Annotated[
    float, typer.Option("--confidence", callback=checked(checks.confidence), help="Of guarantee and claims.")
]
MaxFpir = Annotated[
    float | None, typer.Option("--max-fpir", callback=checked(checks.share), help="Target per search.")
]
MaxFmr = Annotated[
    float | None, typer.Option("--max-fmr", callback=checked(checks.share), help="Target per comparison.")
]
Gallery = Annotated[
    float | None,
    typer.Option(
        "--gallery", metavar="N", callback=checked(checks.whole, least=1), help="Operational N, in people."
    ),
]
