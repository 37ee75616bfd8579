"""Commands that learn: prepare a corpus, train on it."""

from pathlib import Path
from typing import Annotated

import typer

from afgen.cli.terminal import progress_bars, say, stoppable

train = typer.Typer(help="Train the models.", no_args_is_help=True)

AGAIN = "What was prepared is kept: the same command goes on."


def prepare(
    corpus: Annotated[Path, typer.Argument(help="A folder of clips, or a CSV with column `file`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the features go.")],
    trainable_only: Annotated[
        bool, typer.Option("--trainable-only", help="Only rows whose train_weights is yes.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
) -> None:
    """Track the faces of a corpus and store what training needs. Goes on where it was stopped.

    [bold]Example[/]  afgen prepare clips/ -o features
    """
    from afgen.data.prepare import Prepared, sources_in
    from afgen.data.prepare import prepare as run
    from afgen.media.files import writing
    from afgen.render.progress import Progress

    sources = sources_in(corpus, trainable_only=trainable_only)
    done: list[Prepared] = []
    with writing(output), stoppable(AGAIN), progress_bars() as show:

        def tell(one: Prepared) -> None:
            done.append(one)
            show(Progress("Preparing", len(done), len(sources), unit="clips"))

        run(sources, output, workers=workers, on_done=tell)
    rejected = [one for one in done if one.reason is not None]
    for one in rejected:
        say("[yellow]left out[/] {}: {}", one.name, one.reason)
    say("[bold green]done[/] {} clips in {}", len(done) - len(rejected), output)


@train.command()
def basis(
    tracks: Annotated[Path, typer.Argument(help="The folder `tracks` of prepared features.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the basis goes.")],
) -> None:
    """Fit the mesh autoencoder's motion basis.

    [bold]Example[/]  afgen train basis features/tracks -o basis.safetensors
    """
    from afgen.autoencoder.mesh.basis import save_basis
    from afgen.autoencoder.mesh.fit import fit_basis_from
    from afgen.media.files import writing

    fitted = fit_basis_from(tracks)
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
