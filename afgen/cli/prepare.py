"""The command that prepares a corpus for training."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afgen.cli.terminal import Json, print_json, progress_bars, say, stoppable
from afgen.errors import OptionError

if TYPE_CHECKING:
    from afgen.data.parts import Outcome, Packed
    from afgen.data.quality import GateConfig
    from afgen.data.sampling import SampleConfig
    from afgen.data.sources import Source

AGAIN = "What was prepared is kept: the same command goes on."
EXAMPLES = """
[bold]Examples[/]

  afgen prepare clips/ -o shards

  afgen prepare MANIFEST.csv -o shards --trainable-only --workers 8

  afgen prepare talks/ -o shards --voices separated/   [dim]NAME.1.wav, NAME.2.wav of each[/]

  afgen prepare clips/ -o shards --crops 512           [dim]pictures, for pixel models[/]

  afgen prepare clips/ -o shards --gate face_px=128 --gate yaw_deg=25

  afgen prepare clips/ -o shards --shard 3/16          [dim]on each of 16 machines, 0 to 15[/]

  afgen prepare clips/ -o shards --merge               [dim]then once[/]
"""

Corpus = Annotated[
    Path, typer.Argument(help="A folder of recordings, or a CSV with column `file`.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder for the shards.")]
Trainable = Annotated[
    bool, typer.Option("--trainable-only", help="Only rows whose train_weights is yes.")
]
Voices = Annotated[
    str,
    typer.Option(
        help="Whose voice is whose: auto, channels (one person each), mouths (who moves theirs), "
        "or the folder of a separator's output."
    ),
]
People = Annotated[
    int, typer.Option(help="Faces looked for: 1 where everybody is alone.", min=1, max=2)
]
Features = Annotated[
    str,
    typer.Option(help="mesh, lia, wav2vec2, joined by commas; auto: all that have weights."),
]
Crops = Annotated[
    int | None, typer.Option(help="Keep pictures of the faces with this side.", min=64, max=1024)
]
Landmarks = Annotated[bool, typer.Option("--landmarks", help="Keep them, for `afgen train basis`.")]
Workers = Annotated[int, typer.Option(help="Processes.", min=1)]
Shard = Annotated[
    str | None,
    typer.Option(help="Only part I of N of the recordings, and no packing.", metavar="I/N"),
]
Merge = Annotated[bool, typer.Option("--merge", help="Only pack what the parts have prepared.")]
Tidy = Annotated[
    bool,
    typer.Option("--tidy", help="Remove the parts afterwards; with more clips, all begins anew."),
]
Gates = Annotated[
    list[str] | None,
    typer.Option(
        "--gate",
        help="Another limit: face_px, yaw_deg, pitch_deg, bridged, lips, sync, sync_lag, overlap "
        "or tonality, as in face_px=96. May be given several times.",
        metavar="NAME=LIMIT",
    ),
]


def prepare(
    corpus: Corpus,
    output: Output,
    trainable_only: Trainable = False,
    voices: Voices = "auto",
    people: People = 2,
    features: Features = "auto",
    crops: Crops = None,
    landmarks: Landmarks = False,
    gate: Gates = None,
    workers: Workers = 2,
    shard: Shard = None,
    merge: Merge = False,
    tidy: Tidy = False,
    as_json: Json = False,
) -> None:
    """Turn recordings into samples to train on: scenes, faces, voices, roles, features.

    Goes on where it was stopped. Look at report.html in the output before you train.
    """
    from afgen.data.parts import forget_parts
    from afgen.data.prepare import pack, share_of
    from afgen.data.report import write_report
    from afgen.data.sources import sources_in
    from afgen.media.files import writing

    share = _share(shard)
    if share and merge:
        raise OptionError("--shard prepares a part, --merge packs all of them: not both at once.")
    sources = sources_in(corpus, trainable_only=trainable_only)
    config = _config(voices, people, features, crops, landmarks, gate or [])
    outcomes: list[Outcome] = []
    began_s = time.monotonic()
    with writing(output), stoppable(AGAIN):
        if not merge:
            mine = share_of(sources, *share) if share else sources
            outcomes = _run(mine, output, config, workers)
        took_s = time.monotonic() - began_s
        packed = None
        if share is None:
            packed = pack(sources, output, config)
            write_report(packed, config.gates, output)
            if tidy:
                forget_parts(output)
    _tell(outcomes, packed, took_s, output, as_json)


def _config(
    voices: str,
    people: int,
    features: str,
    crops: int | None,
    landmarks: bool,
    limits: list[str],
) -> "SampleConfig":
    from afgen.data.families import choose
    from afgen.data.sampling import SampleConfig
    from afgen.data.separation import WAYS

    if voices not in WAYS and not Path(voices).is_dir():
        raise OptionError(f"--voices {voices} is neither a folder nor one of {', '.join(WAYS)}.")
    return SampleConfig(
        gates=_gates(limits),
        people=people,
        voices=voices,
        families=choose(features),
        faces_px=crops,
        landmarks=landmarks,
    )


def _gates(limits: list[str]) -> "GateConfig":
    """The usual limits, but for those that are given as NAME=LIMIT."""
    from dataclasses import asdict

    from afgen.data.quality import GateConfig

    known = asdict(GateConfig())
    for limit in limits:
        name, _, value = limit.partition("=")
        if name not in known:
            raise OptionError(f"--gate {limit}: the gates are {', '.join(known)}.")
        try:
            known[name] = float(value)
        except ValueError:
            raise OptionError(f"--gate {limit}: {value!r} is not a number.") from None
    return GateConfig(**known)


def _share(shard: str | None) -> tuple[int, int] | None:
    """Part I of N, counted from 0."""
    if shard is None:
        return None
    index, slash, count = shard.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise OptionError(f"--shard {shard} is not I/N with I from 0 to N - 1.")
    return int(index), int(count)


def _run(
    sources: "list[Source]", output: Path, config: "SampleConfig", workers: int
) -> "list[Outcome]":
    from afgen.data.prepare import prepare as run
    from afgen.render.progress import Progress

    done: list[Outcome] = []
    with progress_bars() as show:

        def tell(one: "Outcome") -> None:
            done.append(one)
            show(Progress("Preparing", len(done), len(sources), unit="recordings"))

        return run(sources, output, config, workers=workers, on_done=tell)


def _tell(
    outcomes: "list[Outcome]",
    packed: "Packed | None",
    took_s: float,
    output: Path,
    as_json: bool,
) -> None:
    for one in outcomes:
        if one.reason is not None:
            say("[yellow]left out[/] {}", one.reason)
    fresh_s = sum(one.duration_s for one in outcomes if not one.skipped)
    speed = fresh_s / max(took_s, 1e-3)
    if fresh_s:
        say(
            "[bold]prepared[/] {} h of video in {} s: {} hours an hour",
            f"{fresh_s / 3600:.3f}",
            f"{took_s:.0f}",
            f"{speed:.1f}",
        )
    if as_json:
        print_json(_summary(outcomes, packed, speed))
    if packed is None:
        say("[bold green]done[/] a part of the recordings; pack all of them with --merge")
        return
    say("[bold green]kept[/] {} samples, [yellow]left out[/] {}: look at {}",
        len(packed.kept), len(packed.rejected), output / "report.html")  # fmt: skip
    say("[bold green]done[/] {}", output)


def _summary(outcomes: "list[Outcome]", packed: "Packed | None", speed: float) -> str:
    import json

    from afgen.data.report import hours_of

    found: dict[str, object] = {
        "recordings": len(outcomes),
        "already_prepared": sum(one.skipped for one in outcomes),
        "hours_an_hour": round(speed, 2),
    }
    if packed is not None:
        found |= {
            "kept": len(packed.kept),
            "kept_hours": round(hours_of(packed.kept), 4),
            "left_out": len(packed.rejected),
            "unusable": len(packed.unusable),
        }
    return json.dumps(found, indent=2)
