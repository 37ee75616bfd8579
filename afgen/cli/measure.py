"""Commands that measure: `afgen bench`."""

import typer

bench = typer.Typer(help="Measure speed and quality.", no_args_is_help=True)
