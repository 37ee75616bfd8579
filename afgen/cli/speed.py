"""Commands that measure speed: `afgen bench generator|autoencoder|render`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from afgen.cli import options
from afgen.cli.terminal import Json, print_json, print_table, progress_bars

if TYPE_CHECKING:
    from afgen.evaluate.speed.generator import GeneratorSpeed
    from afgen.evaluate.speed.roofline import Machine, Target, Work
    from afgen.presets import Models

Untrained = Annotated[
    bool, typer.Option("--untrained", help="Random weights: speed does not depend on them.")
]
Threads = Annotated[
    int | None, typer.Option(help="Of torch on a CPU; as many as the preset wants if left out.")
]
Number = Literal["float32", "bfloat16"]


def generator(
    preset: options.Preset = "portrait",
    device: options.Device = "auto",
    rows: Annotated[int, typer.Option(help="Recordings at once.", min=1)] = 1,
    nfe: Annotated[int, typer.Option(help="Network evaluations a block.", min=4)] = 10,
    first_window: options.FirstWindow = 10,
    blocks: Annotated[int, typer.Option(help="Blocks timed.", min=1)] = 8,
    number: Annotated[
        Number | None,
        typer.Option("--type", help="What --untrained weights are multiplied in."),
    ] = None,
    threads: Threads = None,
    untrained: Untrained = False,
    as_json: Json = False,
) -> None:
    """Time of a block of motion, beside the least that this machine could need for it.

    [bold]Example[/]  afgen bench generator --preset avatar-forcing --untrained
    """
    from afgen.evaluate.speed.generator import bench_generator, generator_targets

    models = bench_models(preset, device, untrained, number=number, threads=threads, hearing=False)
    model = models.sampler(nfe, first_window=first_window).model
    counts = sorted({1, rows})
    speeds = [
        bench_generator(model, rows=count, nfe=nfe, blocks=blocks, draw=models.draw)
        for count in counts
    ]
    targets = generator_targets(*speeds) if models.device.type == "cuda" else []
    if as_json:
        print_json(json.dumps(_plain(speeds, targets), indent=2))
        return
    columns = [_generator_figures(speed) for speed in speeds]
    print_table(
        ("", *(f"{count} recording{'s' * (count > 1)}" for count in counts)),
        ((name, *(column[name] for column in columns)) for name in columns[0]),
    )
    _print_targets(targets)


def autoencoder(
    preset: options.Preset = "portrait",
    device: options.Device = "auto",
    size: Annotated[int, typer.Option(help="Pixels of the square picture.")] = 512,
    frames: Annotated[int, typer.Option(help="Frames timed.", min=10)] = 30,
    threads: Threads = None,
    untrained: Untrained = False,
    as_json: Json = False,
) -> None:
    """Time of a frame drawn and of a frame encoded, beside the least it could take.

    [bold]Example[/]  afgen bench autoencoder --preset avatar-forcing --untrained
    """
    import torch
    from skimage import data

    from afgen.autoencoder.lia.config import LiaConfig
    from afgen.evaluate.speed.autoencoder import bench_autoencoder
    from afgen.presets import find_faces
    from afgen.signals import Portrait

    models = bench_models(preset, device, untrained, size=size, threads=threads, hearing=False)
    image_HWC = data.astronaut()
    with torch.inference_mode():
        speed = bench_autoencoder(
            models.autoencoder(size),
            Portrait(image_HWC, sha256="", name="portrait"),
            find_faces(image_HWC)[0],
            device=models.device,
            drawn_by=LiaConfig(size=size) if preset == "avatar-forcing" else None,
            frames=frames,
        )
    if as_json:
        print_json(json.dumps(asdict(speed), indent=2))
        return
    figures = {
        "portrait taken in": _ms(speed.identify_s),
        "frame encoded": _ms(speed.encode_frame_s),
        "frame drawn": _ms(speed.decode_frame_s),
        "processor time of it": _ms(speed.decode_frame_cpu_s),
        "frames a second": f"{speed.frames_per_s:.1f}",
        "most memory": f"{speed.peak_memory_mb:.0f} MB",
    }
    if speed.work is not None and speed.roofline_s is not None:
        figures |= _roofline_figures(speed.work, speed.machine, speed.roofline_s)
        figures["of the roofline"] = f"{100 * speed.roofline_s / speed.decode_frame_s:.0f} %"
    print_table(("", f"{speed.size} px"), figures.items())


def render(
    seconds: Annotated[float, typer.Option(help="Length of the conversation.")] = 60.0,
    portrait: Annotated[Path | None, typer.Option(help="Instead of the demo's.")] = None,
    recording: Annotated[Path | None, typer.Option(help="Instead of a composed one.")] = None,
    preset: options.Preset = "portrait",
    device: options.Device = "auto",
    size: options.Size = 512,
    rows: Annotated[int, typer.Option(help="Recordings at once.", min=1)] = 1,
    untrained: Untrained = False,
    as_json: Json = False,
) -> None:
    """Speed and memory of a render from file to file, with each stage's share.

    [bold]Example[/]  afgen bench render --seconds 60
    """
    from afgen.cli.terminal import checked
    from afgen.demo.run import bench_demo
    from afgen.evaluate.speed.rendering import render_targets
    from afgen.presets import device_for, preset_named
    from afgen.render.settings import RenderSettings

    settings = checked(RenderSettings, preset=preset, device=device, size=size)
    models = bench_models(preset, device, untrained) if untrained else None
    with progress_bars() as show:
        figures = bench_demo(
            seconds,
            portrait=portrait,
            recording=recording,
            settings=settings,
            models=models,
            rows=rows,
            progress=show,
        )
    place = device_for(preset_named(preset), device)
    targets = render_targets(figures) if place.type == "cuda" else []
    if as_json:
        print_json(json.dumps(_plain([figures], targets), indent=2))
        return
    shown = {
        "video": f"{figures.duration_s:.1f} s",
        "took": f"{figures.total_s:.1f} s",
        "frames a second": f"{figures.frames_per_s:.1f}",
        "times real time": f"{figures.realtime_factor:.2f}",
        "most memory": f"{figures.peak_memory_mb:.0f} MB",
    }
    busy = {
        f"{stage} busy": f"{100 * s / figures.total_s:.0f} %" for stage, s in figures.busy_s.items()
    }
    print_table(("", preset), {**shown, **busy}.items())
    _print_targets(targets)


def bench_models(
    preset: str,
    device: str,
    untrained: bool,
    *,
    number: str | None = None,
    size: int = 512,
    threads: int | None = None,
    hearing: bool = True,
) -> "Models":
    """A preset's models, or random ones, and torch on as many threads as they want."""
    import torch

    from afgen.errors import OptionError
    from afgen.evaluate.speed.untrained import untrained_models
    from afgen.presets import device_for, load_models, preset_named

    if untrained:
        place = device_for(preset_named(preset), device)
        usual = "bfloat16" if place.type == "cuda" else "float32"
        kind = getattr(torch, number or usual)
        models = untrained_models(preset, place, kind, size=size, hearing=hearing)
    elif number is not None:
        raise OptionError("--type is for --untrained: weights are multiplied as their preset says.")
    else:
        models = load_models(preset, device)
    torch.set_num_threads(threads or models.threads)
    return models


def _generator_figures(speed: "GeneratorSpeed") -> dict[str, str]:
    return {
        "first window": _ms(speed.first_window_s),
        "processor time of the first": _ms(speed.first_window_cpu_s),
        "block": _ms(speed.block_s),
        "processor time of it": _ms(speed.block_cpu_s),
        "frames a second": f"{speed.frames_per_s:.1f}",
        "times real time": f"{speed.realtime_factor:.2f}",
        "conditions": f"{100 * speed.conditions_share:.0f} %",
        "denoising": f"{100 * speed.denoising_share:.0f} %",
        "commit": f"{100 * speed.commit_share:.0f} %",
        "most memory": f"{speed.peak_memory_mb:.0f} MB",
        **_roofline_figures(speed.work, speed.machine, speed.roofline_s),
        "of the roofline": f"{100 * speed.roofline_s / speed.block_s:.0f} %",
    }


def _roofline_figures(work: "Work", machine: "Machine", roofline_s: float) -> dict[str, str]:
    return {
        "arithmetic": f"{work.flops / 1e9:.1f} GFLOP",
        "traffic": f"{work.bytes / 1e9:.2f} GB",
        "this machine": f"{machine.flops_per_s / 1e9:.0f} GFLOP/s, "
        f"{machine.bytes_per_s / 1e9:.0f} GB/s",
        "roofline": _ms(roofline_s),
    }


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _plain(figures: list[Any], targets: "list[Target]") -> dict[str, Any]:
    return {
        "figures": [asdict(one) for one in figures],
        "targets": [asdict(target) for target in targets],
    }


def _print_targets(targets: "list[Target]") -> None:
    if targets:
        print_table(
            ("target", "wanted", "measured", ""),
            ((t.what, t.wanted, t.measured, "met" if t.met else "missed") for t in targets),
        )
