"""Commands about the installation: presets, doctor."""

import json

import typer

from afgen.cli.terminal import Json, print_json, print_table, say


def presets(as_json: Json = False) -> None:
    """List the presets: models, weights, and whether these are installed.

    [bold]Example[/]  afgen presets
    """
    from afgen.presets import PRESETS, describe

    rows = [describe(preset) for preset in PRESETS.values()]
    if as_json:
        print_json(json.dumps(rows, indent=2))
        return
    print_table(
        ("preset", "what it is", "runs on", "weights", "installed"),
        (
            (row["name"], row["summary"], row["runs_on"], row["licence"], _installed(row))
            for row in rows
        ),
    )
    for row in rows:
        if not row["installed"]:
            say("{}: {}", row["name"], row["hint"])


def _installed(row: dict[str, object]) -> str:
    return "yes" if row["installed"] else "no"


def doctor(as_json: Json = False) -> None:
    """Check the installation and say how to mend it.

    [bold]Example[/]  afgen doctor
    """
    from afgen.doctor import examine

    checks = list(examine())
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "detail": c.detail, "mend": c.mend} for c in checks]
        print_json(json.dumps(rows, indent=2))
    else:
        for check in checks:
            mark = "[green]ok[/] " if check.ok else "[red]bad[/]"
            say(mark + " {} {}", f"{check.name:<20}", check.detail)
            if check.mend:
                say("    {} [bold]{}[/]", " " * 20, check.mend)
    if not all(check.ok for check in checks):
        raise typer.Exit(3)
