import json
from pathlib import Path
from typing import Any

import pytest

from afgen.errors import OptionError
from afgen.train.recipe import claim, listing
from afgen.train.recipes import asked_for, recipe_named, recipes

GUIDE = Path(__file__).parents[2] / "docs" / "training.md"


def table(command: str) -> str:
    """All settings of a command's recipes side by side, as the guide has them."""
    columns = [{key: value for key, _, value in listing(one.settings)} for one in recipes(command)]
    lines = [
        "| setting | " + " | ".join(f"`{one.name}`" for one in recipes(command)) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for key in dict.fromkeys(key for column in columns for key in column):
        told = [_told(json.loads(column.get(key, '""'))) for column in columns]
        lines.append(f"| {key} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def _told(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("command", ["generator", "preference"])
def test_the_guide_shows_the_recipes_as_they_are(command: str) -> None:
    assert table(command) in GUIDE.read_text(encoding="utf-8"), table(command)


def test_a_command_follows_its_own_recipes_the_first_by_default(tmp_path: Path) -> None:
    assert asked_for("generator", tmp_path).name == "portrait"
    assert recipe_named("portrait").command == "generator"
    assert len({one.name for one in recipes()}) == len(recipes())
    with pytest.raises(OptionError):
        recipe_named("portrait", "preference")


def test_a_run_is_gone_on_with_as_it_was_begun(tmp_path: Path) -> None:
    begun = asked_for("generator", tmp_path, assignments=["loop.steps=7"])
    claim(tmp_path, begun)
    assert asked_for("generator", tmp_path, resume=True) == begun
    assert asked_for("generator", tmp_path).settings.loop.steps == 11_500
    other = asked_for("generator", tmp_path, name="avatar-forcing", resume=True)
    assert other.name == "avatar-forcing"  # which `claim` refuses in this folder


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_every_recipe_survives_its_own_file(recipe: Any, tmp_path: Path) -> None:
    claim(tmp_path, recipe)
    assert asked_for(recipe.command, tmp_path, resume=True) == recipe
