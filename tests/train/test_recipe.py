import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from afgen.errors import OptionError
from afgen.train.checkpoints import write_checkpoint
from afgen.train.recipe import RECIPE_FILE, Recipe, as_begun, claim, find, listing, settings_from


@dataclass(frozen=True, slots=True)
class Inner:
    width: int = 64
    heads: int = 4
    rate: float = 1e-3

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError("the heads do not share the width")


@dataclass(frozen=True, slots=True)
class Outer:
    model: Inner = field(default_factory=Inner)
    mask: Literal["paper", "released"] | None = None
    betas: tuple[float, float] = (0.9, 0.99)
    sizes: tuple[int, ...] = (1, 2)
    quick: bool = False
    ahead: int | None = 2
    name: str = "one"


RECIPE = Recipe("toy", "toys", "for tests", Outer())


def test_settings_are_read_as_their_types_want_them() -> None:
    asked = [
        "model.width=96",
        "model.heads=3",  # fits the new width only: settings are checked together
        "model.rate=1",
        "mask=released",
        "betas=0.5, 0.9",
        "sizes=4,5,6",
        "quick=true",
        "ahead=none",
        "name=two=2",
    ]
    wanted = Outer(Inner(96, 3, 1.0), "released", (0.5, 0.9), (4, 5, 6), True, None, "two=2")
    assert RECIPE.overridden(asked).settings == wanted
    assert isinstance(RECIPE.overridden(asked).settings.model.rate, float)


@pytest.mark.parametrize(
    ("assignment", "told", "advice"),
    [
        ("model.widht=9", "no setting model.widht", "model.width"),
        ("modle.width=9", "no setting modle.width", "model.width"),
        ("model.width.x=9", "no setting model.width.x", "model.width"),
        ("model.width=wide", "model.width cannot be 'wide'", "int"),
        ("model.width=1.5", "model.width cannot be '1.5'", "int"),
        ("model.rate=nan", "model.rate cannot be nan", "float"),
        ("model=3", "group", "model.NAME"),
        ("mask=other", "mask cannot be 'other'", "paper or released or none"),
        ("betas=0.5", "betas cannot be '0.5'", "float,float"),
        ("quick=1", "quick cannot be '1'", "true or false"),
        ("model.heads=7", "share the width", ""),
        ("quick", "no setting", "key=value"),
    ],
)
def test_what_the_schema_lacks_is_refused(assignment: str, told: str, advice: str) -> None:
    with pytest.raises(OptionError, match=told) as caught:
        RECIPE.overridden([assignment])
    assert advice in caught.value.advice


def test_settings_survive_json() -> None:
    recipe = RECIPE.overridden(["sizes=7", "mask=paper"])
    stored = json.loads(json.dumps(recipe.as_dict()))
    assert settings_from(Outer, stored["settings"]) == recipe.settings
    with pytest.raises(OptionError, match=r"model\.depth"):
        settings_from(Outer, {"model": {"depth": 3}})


def test_a_run_keeps_its_recipe(tmp_path: Path) -> None:
    recipe = RECIPE.overridden(["sizes=7"])
    assert as_begun(tmp_path, [RECIPE]) is None
    claim(tmp_path, RECIPE)
    claim(tmp_path, recipe)  # nothing was learned by the other one yet
    write_checkpoint(tmp_path, 1, {}, keep=1)
    claim(tmp_path, recipe)
    assert as_begun(tmp_path, [RECIPE]) == recipe
    assert json.loads((tmp_path / RECIPE_FILE).read_text())["fingerprint"] == recipe.fingerprint()
    with pytest.raises(OptionError, match="another sizes"):
        claim(tmp_path, RECIPE)
    with pytest.raises(OptionError, match="recipe 'toy'"):
        claim(tmp_path, Recipe("other", "toys", "", Outer()))


def test_recipes_are_found_by_name() -> None:
    assert find("toy", [RECIPE]) is RECIPE
    with pytest.raises(OptionError, match="no recipe") as caught:
        find("tyo", [RECIPE])
    assert "toy" in caught.value.advice


def test_all_settings_can_be_listed() -> None:
    rows = {key: (kind, value) for key, kind, value in listing(Outer())}
    assert rows["model.width"] == ("int", "64")
    assert rows["ahead"] == ("int or none", "2")
    assert rows["betas"] == ("float,float", "[0.9, 0.99]")
