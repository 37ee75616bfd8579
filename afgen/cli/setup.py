"""Commands about the installation: presets, doctor."""

import json

import typer
from rich.console import Console
from rich.table import Table

from afgen.cli.terminal import Json, console, print_json


def presets(as_json: Json = False) -> None:
    """List the presets: models, weights, measured figures."""
    from afgen.presets import PRESETS, describe

    rows = [describe(preset) for preset in PRESETS.values()]
    if as_json:
        print_json(json.dumps(rows, indent=2))
        return
    table = Table("preset", "what it is", "runs on", "weights")
    for row in rows:
        table.add_row(row["name"], row["summary"], row["runs_on"], row["weights"])
    Console().print(table)


def doctor(as_json: Json = False) -> None:
    """Check the installation and say how to mend it."""
    from afgen.doctor import examine

    checks = list(examine())
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "detail": c.detail, "mend": c.mend} for c in checks]
        print_json(json.dumps(rows, indent=2))
    else:
        for check in checks:
            mark = "[green]ok[/]  " if check.ok else "[red]bad[/] "
            console.print(f"{mark} {check.name:<20} {check.detail}", soft_wrap=True)
            if check.mend:
                console.print(f"     {check.mend}", soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(3)
