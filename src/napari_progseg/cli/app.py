"""The program itself: which commands there are, and how an error of the user's ends."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import UserError
from . import adapt as adapting
from . import files, finish, machine, models, runs, shape, study
from . import forecast as forecasting
from . import rank as ranking
from . import suggest as suggesting
from . import train as training

BAD_INPUT = 2


class Commands(TyperGroup):
    """Commands of which a `UserError` ends in one line on stderr and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"progseg: {error}", err=True)
            raise typer.Exit(BAD_INPUT) from error


app = typer.Typer(
    name="progseg",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train your own CT/MR segmentation from a few labelled scans.",
)


def _print_version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Take the options that come before any command."""


for command in (
    files.init,
    files.add,
    files.relocate,
    files.modality,
    files.check,
    ranking.rank,
    training.train,
    adapting.adapt,
    runs.runs,
    runs.watch,
    runs.pause,
    runs.resume,
    runs.stop,
    models.predict,
    models.evaluate,
    forecasting.forecast,
    finish.predict_all,
    finish.export,
    finish.report,
    machine.demo,
    machine.doctor,
    files.sample,
):
    app.command()(command)
app.command("next")(suggesting.suggest_next)

app.add_typer(shape.app, name="shape")
app.add_typer(study.app, name="study")


def main() -> None:
    """Entry point of ``progseg``."""
    app()
