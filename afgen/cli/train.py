"""Commands that train: each follows a recipe into the folder of a run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afgen.cli import options
from afgen.cli.terminal import Json, print_json, print_table, say, stoppable

if TYPE_CHECKING:
    from afgen.train.distributed import World
    from afgen.train.loop import Sample
    from afgen.train.recipe import Recipe

train = typer.Typer(help="Train the models on prepared shards.", no_args_is_help=True)

AGAIN = "Go on with the same command and --resume."

Shards = Annotated[Path, typer.Argument(help="The folder of shards that prepare wrote.")]
Run = Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="See `afgen train recipes`; the first is usual.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting. Repeat for more."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
Portrait = Annotated[
    Path | None, typer.Option("--portrait", help="A face to film samples with, while learning.")
]


@train.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="One of them, with its settings.")] = None,
    as_json: Json = False,
) -> None:
    """List the recipes, or all settings of one.

    [bold]Example[/]  afgen train recipes portrait
    """
    import json

    from afgen.train.recipe import listing
    from afgen.train.recipes import recipe_named
    from afgen.train.recipes import recipes as all_recipes

    if name is not None:
        recipe = recipe_named(name)
        if as_json:
            print_json(json.dumps(recipe.as_dict()))
        else:
            print_table(("setting", "type", "value"), listing(recipe.settings))
        return
    rows = [(one.name, f"afgen train {one.command}", one.summary) for one in all_recipes()]
    if as_json:
        print_json(json.dumps([one.as_dict() for one in all_recipes()]))
    else:
        print_table(("recipe", "command", "for"), rows)


@train.command()
def generator(
    shards: Shards,
    output: Run,
    begin: Annotated[
        Path | None, typer.Option("--from", help="Weights to begin with, instead of random ones.")
    ] = None,
    recipe: RecipeName = None,
    settings: Settings = None,
    resume: Resume = False,
    portrait: Portrait = None,
    device: options.Device = "auto",
) -> None:
    """Train a motion generator by diffusion forcing: stage 1.

    [bold]Examples[/]

      afgen train generator shards -o runs/portrait

      afgen train generator shards -o runs/full --recipe avatar-forcing --set mask=paper-figure

      afgen train generator shards -o runs/tuned --from runs/portrait/generator.safetensors
    """
    from afgen.train.generator import train_generator

    with _run("generator", output, recipe, settings, resume, device) as (chosen, world, tell):
        train_generator(
            shards,
            output,
            chosen,
            begin=begin,
            resume=resume,
            world=world,
            sample=_filming(portrait, shards, chosen, world),
            say=tell,
        )


@train.command()
def preference(
    shards: Shards,
    output: Run,
    stage1: Annotated[Path, typer.Option("--from", help="Weights of stage 1 to begin with.")],
    audio_only: Annotated[
        Path | None,
        typer.Option(help="Weights that make the losers; else stage 1, the user left out."),
    ] = None,
    recipe: RecipeName = None,
    settings: Settings = None,
    resume: Resume = False,
    portrait: Portrait = None,
    device: options.Device = "auto",
) -> None:
    """Prefer what people did to motion that does not hear the other: stage 2.

    [bold]Example[/]

      afgen train preference shards -o runs/preferred --from runs/portrait/generator.safetensors
    """
    from afgen.train.preference import train_preference

    with _run("preference", output, recipe, settings, resume, device) as (chosen, world, tell):
        train_preference(
            shards,
            output,
            chosen,
            stage1,
            audio_only=audio_only,
            resume=resume,
            world=world,
            sample=_filming(portrait, shards, chosen, world),
            say=tell,
        )


@train.command()
def baseline(
    shards: Shards,
    output: Run,
    recipe: RecipeName = None,
    settings: Settings = None,
    resume: Resume = False,
    device: options.Device = "auto",
) -> None:
    """Train INFP*, the baseline that sees windows of 3 s whole.

    [bold]Example[/]  afgen train baseline shards -o runs/infp
    """
    from afgen.train.baseline import train_baseline

    with _run("baseline", output, recipe, settings, resume, device) as (chosen, world, tell):
        train_baseline(shards, output, chosen, resume=resume, world=world, say=tell)


@train.command()
def autoencoder(
    shards: Annotated[Path, typer.Argument(help="Shards prepared with --crops.")],
    output: Run,
    recipe: RecipeName = None,
    settings: Settings = None,
    resume: Resume = False,
    device: options.Device = "auto",
) -> None:
    """Train a motion latent autoencoder: one frame of a clip drawn from another.

    [bold]Examples[/]

      afgen train autoencoder shards -o runs/lia

      afgen train autoencoder shards -o runs/large --recipe lia-512 --set vgg19=vgg19.pth
    """
    from afgen.train.autoencoder import train_autoencoder

    with _run("autoencoder", output, recipe, settings, resume, device) as (chosen, world, tell):
        train_autoencoder(shards, output, chosen, resume=resume, world=world, say=tell)


@train.command()
def basis(
    shards: Annotated[Path, typer.Argument(help="Shards prepared with --landmarks.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the basis goes.")],
) -> None:
    """Fit the mesh autoencoder's motion basis.

    [bold]Example[/]  afgen train basis shards -o basis.safetensors
    """
    from afgen.autoencoder.mesh.basis import save_basis
    from afgen.autoencoder.mesh.fit import fit_basis_from
    from afgen.data.landmarks import landmarks_in
    from afgen.evaluate.basis import held_out_residual
    from afgen.media.files import writing

    fitted = fit_basis_from(list(landmarks_in(shards).values()))
    with writing(output):
        save_basis(fitted.basis, output, fitted.provenance)
    if (missed := held_out_residual(shards, fitted.basis)) is not None:
        say(
            "misses {:.2f} px of a face 220 px wide in clips left out, {:.2f} px of lips and lids",
            missed.everything,
            missed.features,
        )
    say("[bold green]done[/] {}", output)


@contextmanager
def _run(
    command: str,
    output: Path,
    name: str | None,
    settings: list[str] | None,
    resume: bool,
    device: str,
) -> Iterator[tuple["Recipe[Any]", "World", Callable[[str], None]]]:
    """What every run needs: its recipe, the processes it runs in, and who tells of it."""
    from afgen.media.files import writing
    from afgen.train.distributed import joined
    from afgen.train.recipes import asked_for

    chosen = asked_for(command, output, name=name, assignments=settings or [], resume=resume)
    with writing(output), stoppable(AGAIN), joined(device) as world:

        def tell(line: str) -> None:
            if world.leads:
                say("{}", line)

        yield chosen, world, tell
        if world.leads:
            say("[bold green]done[/] {}", output)


def _filming(
    portrait: Path | None, shards: Path, recipe: "Recipe[Any]", world: "World"
) -> "Sample | None":
    """Videos of a portrait while it learns, where one is given."""
    if portrait is None or not world.leads:
        return None
    from afgen.data.shards import open_shards
    from afgen.train.generator import GENERATOR, as_generator
    from afgen.train.samples import filming, stage_for

    family = recipe.settings.data.family
    stage = stage_for(portrait, open_shards(shards), family, device=world.device.type)
    return filming(stage, lambda averages: as_generator(averages[GENERATOR]))
