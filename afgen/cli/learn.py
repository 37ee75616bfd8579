"""Commands that learn from a prepared corpus."""

from pathlib import Path
from typing import Annotated

import typer

from afgen.cli.terminal import say, stoppable

train = typer.Typer(help="Train the models.", no_args_is_help=True)


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
    from afgen.media.files import writing

    fitted = fit_basis_from(list(landmarks_in(shards).values()))
    with writing(output):
        save_basis(fitted.basis, output, fitted.provenance)
    say("[bold green]done[/] {}", output)


@train.command()
def generator(
    features: Annotated[Path, typer.Argument(help="The shards that prepare wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    steps: Annotated[int | None, typer.Option(help="Another length than the recipe's.")] = None,
) -> None:
    """Train the portrait generator by diffusion forcing.

    [bold]Example[/]  afgen train generator shards -o runs/portrait
    """
    import dataclasses

    from afgen.media.files import writing
    from afgen.train.generator import GeneratorRecipe, train_generator

    recipe = GeneratorRecipe()
    if steps is not None:
        recipe = dataclasses.replace(recipe, loop=dataclasses.replace(recipe.loop, steps=steps))
    with writing(output), stoppable("Go on with the same command and --resume."):
        train_generator(features, output, recipe, resume=resume, say=lambda line: say("{}", line))
    say("[bold green]done[/] {}", output)
