"""The paper's table on clips of one's own: `afgen evaluate`, and `afgen bench videos`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afgen.cli import options
from afgen.cli.terminal import Json, print_json, print_table, progress_bars, say, stoppable
from afgen.errors import OptionError

if TYPE_CHECKING:
    from afgen.data.shards import ShardSet
    from afgen.evaluate.comparison.compare import CompareConfig, Comparison
    from afgen.evaluate.comparison.systems import Sampling, System

NetworkFile = Annotated[Path | None, typer.Option(metavar="FILE", help="A TorchScript file.")]
AGAIN = "The motion that was generated is kept: the same command goes on."
EXAMPLES = """[bold]Examples[/]

  afgen evaluate held-out -o table --system stage1=portrait --without-user stage1

  afgen evaluate held-out -o table --system stage1=runs/a/generator.safetensors
  --system preferred=runs/b/generator.safetensors --system INFP*=runs/c/baseline.safetensors
"""


def evaluate(
    shards: Annotated[Path, typer.Argument(help="The folder of shards that prepare wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the results.")],
    system: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=WEIGHTS",
            help="A row: a preset, or the file of a generator or baseline. Repeat for more; "
            "differences are taken to the first. WEIGHTS@user=2,audio=3,nfe=5 samples it its own "
            "way.",
        ),
    ],
    without_user: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Add that row again, with the user left out."),
    ] = None,
    without_user_motion: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Add that row again, the user heard and not seen."),
    ] = None,
    held_out: Annotated[
        float | None,
        typer.Option(help="Only what training with this share kept out.", min=0.01, max=0.99),
    ] = None,
    clips: Annotated[int | None, typer.Option(help="Only so many, evenly from all.", min=1)] = None,
    draws: Annotated[int, typer.Option(help="Motions generated a clip.", min=1)] = 1,
    seed: options.Seed = 0,
    nfe: options.Nfe = 10,
    guidance_audio: options.GuidanceAudio = None,
    guidance_user: options.GuidanceUser = None,
    device: options.Device = "auto",
    intervals: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=100)] = 1000,
    as_json: Json = False,
) -> None:
    """Measure systems side by side: latency, rPCC, SID, Var, FD, R-DGG, sync, with intervals.

    Writes results.json, table.md, table.tex, figures.png and courses.png. What each figure means:
    docs/metrics.md.
    """
    from afgen.data.shards import open_shards
    from afgen.evaluate.comparison.compare import CompareConfig
    from afgen.evaluate.comparison.systems import Sampling
    from afgen.evaluate.comparison.table import as_json as json_of
    from afgen.evaluate.comparison.table import summary
    from afgen.evaluate.metrics.bootstrap import BootstrapConfig

    sampling = Sampling(nfe, guidance_audio, guidance_user)
    samples = open_shards(shards)
    again = {"user": without_user or [], "user motion": without_user_motion or []}
    systems = _systems(system, again, device, sampling)
    config = CompareConfig(draws=draws, seed=seed, bootstrap=BootstrapConfig(draws=intervals))
    comparison = _compared(samples, systems, output, config, held_out, clips)
    if as_json:
        print_json(json_of(comparison).rstrip())
    else:
        header, rows = summary(comparison)
        print_table(header, rows)
    say("[bold green]done[/] {}", output)


def _compared(
    samples: "ShardSet",
    systems: "list[System]",
    output: Path,
    config: "CompareConfig",
    held_out: float | None,
    clips: int | None,
) -> "Comparison":
    """Generate what is not kept yet, judge it, and write every result."""
    from afgen.evaluate.comparison.compare import judge, perform
    from afgen.evaluate.comparison.plots import draw_courses, draw_figures
    from afgen.evaluate.comparison.table import write_results
    from afgen.media.files import writing
    from afgen.render.progress import Progress

    with writing(output), stoppable(AGAIN), progress_bars() as show:

        def tell(stage: str, done: int, total: int) -> None:
            show(Progress(stage, done, total, unit="clips" if total > len(systems) + 1 else "rows"))

        output.mkdir(parents=True, exist_ok=True)
        keys = _some(_kept_out(samples, held_out), clips)
        performed = perform(samples, systems, output, config, keys=keys, tell=tell)
        comparison = judge(performed, systems, config, tell)
        write_results(comparison, output)
        draw_figures(comparison, output / "figures.png")
        draw_courses(performed, output / "courses.png")
    return comparison


def videos(
    truth: Annotated[Path, typer.Argument(help="Folder of real videos, mp4, one face each.")],
    made: Annotated[Path, typer.Argument(help="Folder of made videos of the same names.")],
    fid_features: NetworkFile = None,
    fvd_features: NetworkFile = None,
    csim_features: NetworkFile = None,
    syncnet: NetworkFile = None,
    device: options.Device = "auto",
    as_json: Json = False,
) -> None:
    """FID, FVD, CSIM, LSE-D and LSE-C of videos, through networks of yours (TorchScript files).

    What each network has to take and give: docs/metrics.md.

    [bold]Example[/]  afgen bench videos real made --fid-features inception.pt
    """
    from dataclasses import asdict

    from afgen.evaluate.comparison.table import number
    from afgen.evaluate.comparison.videos import VideoNetworks, measure_videos
    from afgen.evaluate.metrics.networks import load_network
    from afgen.presets import device_for, preset_named

    place = str(device_for(preset_named("avatar-forcing"), device))
    files = {"fid": fid_features, "fvd": fvd_features, "csim": csim_features, "syncnet": syncnet}
    given = {name: load_network(file, device=place) for name, file in files.items() if file}
    if not given:
        raise OptionError("No network was given.", hint="See `afgen bench videos --help`.")
    scores = asdict(measure_videos(truth, made, VideoNetworks(**given)))
    if as_json:
        print_json(json.dumps(scores, indent=2))
        return
    cells = [score["value"] if isinstance(score, dict) else score for score in scores.values()]
    print_table(scores, [[cells[0], *(number(cell) for cell in cells[1:])]])


def _systems(
    given: list[str], again: dict[str, list[str]], device: str, sampling: "Sampling"
) -> "list[System]":
    """The rows as they were asked for; behind each, the same without what is in `again`."""
    from afgen.evaluate.comparison.loading import load_system
    from afgen.evaluate.comparison.systems import WithoutUser

    systems: list[System] = []
    for each in given:
        name, _, source = each.partition("=")
        if not name or not source:
            raise OptionError(f"--system {each}: give NAME=WEIGHTS.")
        loaded = load_system(name, source, device=device, sampling=sampling)
        systems.append(loaded)
        for left_out, names in again.items():
            if name in names:
                heard = left_out == "user motion"
                systems.append(WithoutUser(loaded, f"{name} without {left_out}", heard=heard))
    for left_out, names in again.items():
        for name in set(names) - {one.name for one in systems}:
            option = f"--without-{left_out.replace(' ', '-')}"
            raise OptionError(f"{option} {name}: there is no such --system.")
    return systems


def _kept_out(samples: "ShardSet", share: float | None) -> list[str]:
    """All keys, or those that training with this share does not see."""
    from afgen.data.dyads import dyads_in

    if share is None:
        return samples.keys
    _, apart = dyads_in(samples, "mesh", held_out_share=share)
    return [entry.key for entry in apart.entries]


def _some(keys: list[str], most: int | None) -> list[str]:
    """At most so many keys, evenly from all."""
    if most is None or most >= len(keys):
        return keys
    return [keys[index * len(keys) // most] for index in range(most)]
