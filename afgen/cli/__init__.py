"""The command line: parse, call one function, print.

Heavy imports happen inside the commands, so that `afgen --help` answers at once.
"""

import sys
from typing import Annotated

import typer

from afgen.cli import (
    batches,
    compose,
    evaluate,
    jobs,
    keys,
    listeners,
    load,
    make,
    measure,
    prepare,
    render_all,
    schedules,
    service,
    setup,
    speed,
    terminal,
    train,
    weights,
)

app = typer.Typer(
    name="afgen",
    help="Turn a portrait and a recorded conversation into a video of it talking and listening.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    from importlib.metadata import version

    if wanted:
        sys.stdout.write(f"afgen {version('afgen')}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of the program itself; its help is the app's."""


app.command(epilog=make.RENDER_EXAMPLES)(make.render)
app.command(epilog=render_all.EXAMPLES)(render_all.render_all)
app.command(epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command(epilog=prepare.EXAMPLES)(prepare.prepare)
app.command(epilog=compose.EXAMPLES)(compose.compose)
for command in (make.inspect, make.drive, make.demo, setup.presets, setup.doctor):
    app.command()(command)
app.add_typer(train.train, name="train")
for timed in (speed.generator, speed.autoencoder, speed.render):
    measure.bench.command()(timed)
for measured in (evaluate.videos, listeners.listeners, load.service):
    measure.bench.command()(measured)
app.add_typer(measure.bench, name="bench")
app.add_typer(weights.weights, name="weights")
SERVICE = "The job service"
app.command(epilog=service.UP_EXAMPLES, rich_help_panel=SERVICE)(service.up)
for name, group in (
    ("jobs", jobs.jobs),
    ("batch", batches.batch),
    ("schedule", schedules.schedule),
    ("keys", keys.keys),
    ("tenants", keys.tenants),
):
    app.add_typer(group, name=name, rich_help_panel=SERVICE)
for program in (service.serve, service.worker, service.beat, service.migrate):
    app.command(rich_help_panel=SERVICE)(program)


def main() -> None:
    """Entry point of the `afgen` command."""
    terminal.hush_native_logs()
    sys.exit(terminal.run(app))
