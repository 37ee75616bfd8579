"""What docs/service.md says of states and commands is so."""

import re

import typer.main

from afgen.cli import app
from afgen.jobs.states import MOVES
from tests.cli.test_commands import names
from tests.service.servers import ROOT

TEXT = (ROOT / "docs" / "service.md").read_text("utf-8")


def test_states_are_drawn_as_they_move() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", TEXT, re.MULTILINE))
    assert drawn == {(str(state), str(target)) for state in MOVES for target in MOVES[state]}


def test_every_command_exists() -> None:
    commands = set(names(typer.main.get_command(app)))
    shown = re.findall(r"^afgen ([a-z|]+(?: [a-z|]+)?)", TEXT, re.MULTILINE)
    assert len(shown) >= 10
    for words in shown:
        assert words in commands or words.split()[0] in commands
