"""Commands that measure: `afgen bench`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afgen.cli import options
from afgen.cli.terminal import Json, checked, print_json, print_table, say

if TYPE_CHECKING:
    from afgen.evaluate.metrics.bootstrap import Estimate
    from afgen.evaluate.pictures.reconstruction import Gain, Reconstruction
    from afgen.signals import Floats

bench = typer.Typer(help="Measure speed and quality.", no_args_is_help=True)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(json.dumps(rows, indent=2))
        return
    print_table(
        (name.replace("_", " ") for name in rows[0]),
        ((_cell(value) for value in row.values()) for row in rows),
    )


def _cell(value: object) -> object:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else value


@bench.command()
def reenactment(
    clips: Annotated[list[Path], typer.Argument(help="Videos of one face each.")],
    as_json: Json = False,
) -> None:
    """Self-reenactment: each clip's first frame made to do what the clip does.

    [bold]Example[/]  afgen bench reenactment clips/*.mp4
    """
    from afgen.autoencoder.mesh.decode import MeshAutoencoder
    from afgen.evaluate.pictures.reenactment import bench_clips
    from afgen.presets import find_faces

    results = bench_clips(clips, MeshAutoencoder(find_faces))
    rows = [
        {
            "clip": result.clip,
            "still dB": result.still.psnr_db,
            "rigid dB": result.rigid.psnr_db,
            "mesh dB": result.mesh.psnr_db,
            "gain dB": result.mesh.psnr_db - result.still.psnr_db,
            "still SSIM": result.still.ssim,
            "mesh SSIM": result.mesh.ssim,
            "turn deg": result.turn_deg,
            "ms a frame": result.decode_ms,
        }
        for result in results
    ]
    _show(rows, as_json)


@bench.command()
def reconstruction(
    weights: Annotated[Path, typer.Argument(help="autoencoder.safetensors of a run.")],
    shards: Annotated[Path, typer.Argument(help="Shards with pictures, kept out of training.")],
    targets: Annotated[int, typer.Option(help="Frames of each clip.", min=1)] = 12,
    as_json: Json = False,
) -> None:
    """Does a network autoencoder draw later frames better than its source frame shows them?

    "still" is the source driven by itself: what is drawn without any motion. Intervals of 95 % come
    from drawing the people again.

    [bold]Example[/]  afgen bench reconstruction runs/lia/autoencoder.safetensors held-out
    """
    from afgen.autoencoder.lia.weights import load_autoencoder
    from afgen.data.faces import FaceShards, face_clips
    from afgen.data.shards import open_shards
    from afgen.evaluate.comparison.cases import person_of
    from afgen.evaluate.pictures.reconstruction import (
        ReconstructionConfig,
        gains,
        measure_reconstruction,
        summary,
    )

    network, _ = load_autoencoder(weights)
    opened = open_shards(shards)
    clips = face_clips(opened)
    pairs = FaceShards(opened, clips, network.config.size)
    measured = list(measure_reconstruction(network, pairs, ReconstructionConfig(targets)))
    named = [(clip.key, one) for clip, one in zip(clips, measured, strict=True)]
    rows = [_drawn_row(name, one) for name, one in [*named, ("mean", summary(measured))]]
    better = gains(measured, [person_of(opened.entry(clip.key)) for clip in clips])
    if as_json:
        told = {"clips": rows, "gains": [asdict(one) for one in better]}
        print_json(json.dumps(told, indent=2))
        return
    _show(rows, as_json)
    _show([_gain_row(one) for one in better], as_json)


def _drawn_row(name: str, one: "Reconstruction") -> dict[str, Any]:
    """What a clip's frames are like: drawn, drawn without motion, and the source itself."""
    return {
        "clip": name,
        "dB": one.drawn.psnr_db,
        "stretched dB": one.stretched.psnr_db,
        "still dB": one.still.psnr_db,
        "copy dB": one.copied.psnr_db,
        "face dB": one.drawn.face_psnr_db,
        "copy face": one.copied.face_psnr_db,
        "lips dB": one.drawn.lips_psnr_db,
        "copy lips": one.copied.lips_psnr_db,
        "SSIM": one.drawn.face_ssim,
        "still SSIM": one.still.face_ssim,
        "copy SSIM": one.copied.face_ssim,
        "gradient": one.drawn.face_gradient,
        "copy gradient": one.copied.face_gradient,
    }


def _gain_row(one: "Gain") -> dict[str, Any]:
    """By how much drawing beats both of what it is held against."""
    return {
        "better by": one.figure,
        "than a copy": _interval(one.over_copied),
        "than without motion": _interval(one.over_still),
    }


def _interval(estimate: "Estimate") -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:+.3g}"
    return f"{estimate.value:+.3g} [{estimate.low:+.3g}, {estimate.high:+.3g}]"


@bench.command()
def audio(
    sound: Annotated[Path, typer.Argument(help="A recording with one voice on its first channel.")],
    weights: Annotated[
        Path | None,
        typer.Option(help="wav2vec2: a Hugging Face folder, or the file of an imported set."),
    ] = None,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Random weights: distances then say little.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Of the recording, from its beginning.")] = 20.0,
    as_json: Json = False,
) -> None:
    """How far streaming speech features are from those of the whole utterance, layer by layer.

    [bold]Example[/]  afgen bench audio talk.wav --weights wav2vec2-base-960h
    """
    from afgen.evaluate.audio_features import load_wav2vec2, measure_audio, untrained_wav2vec2
    from afgen.media.decode import decode_audio
    from afgen.signals import to_samples
    from afgen.weights.store import find

    if untrained:
        network = untrained_wav2vec2()
    else:
        network = load_wav2vec2(weights or find("avatar-forcing").files["wav2vec2"])
    voice_S = to_samples(decode_audio(sound, end_s=seconds)[0])
    distances = measure_audio(network, voice_S)
    if as_json:
        _show([asdict(distance) for distance in distances], as_json)
        return
    layers = {1, 1 + len(distances[0].layers) // 2, len(distances[0].layers)}
    rows = [
        {
            "past s": distance.context_s,
            "ahead s": distance.look_ahead_s,
            "all": distance.whole,
            "first second": distance.start,
            **{f"layer {layer}": distance.layers[layer - 1] for layer in sorted(layers)},
            "ms a block": distance.block_ms,
        }
        for distance in distances
    ]
    _show(rows, as_json)


@bench.command()
def lips(
    shards: Annotated[Path, typer.Argument(help="The shards that prepare wrote.")],
    draws: Annotated[int, typer.Option(help="Samples averaged a clip.")] = 4,
    as_json: Json = False,
) -> None:
    """Does the mouth follow the sound? Correlation of generated and real lip opening.

    [bold]Example[/]  afgen bench lips held-out
    """
    from afgen.evaluate.lips import measure_lips
    from afgen.presets import load_models

    sampler = load_models("portrait").sampler(10)
    _show([asdict(score) for score in measure_lips(sampler, shards, draws=draws)], as_json)


@bench.command()
def listening(
    shards: Annotated[Path, typer.Argument(help="The shards that prepare wrote.")],
    conversations: Annotated[int, typer.Option(help="Conversations of 24 s.", min=2)] = 12,
    as_json: Json = False,
) -> None:
    """Is listening alive, and does it react? Nods, blinks, smiles, a closed mouth, causality.

    [bold]Example[/]  afgen bench listening shards
    """
    from afgen.evaluate.listening.reactions import measure_listening
    from afgen.presets import load_models

    sampler = load_models("portrait").sampler(10)
    report = measure_listening(sampler, shards, conversations=conversations)
    _show([asdict(report)], as_json)


@bench.command()
def turns(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings of two people.")],
    avatar: options.Avatar = "auto",
    only: options.Only = None,
    as_json: Json = False,
) -> None:
    """Is the mouth closed in the other's turns? Counted in motion generated for real recordings.

    [bold]Example[/]  afgen bench turns calls/*.mp4 --avatar left
    """
    from afgen.evaluate.listening.turns import measure_turns, over_all
    from afgen.presets import load_models
    from afgen.render.settings import Recordings, RenderSettings

    side = checked(Recordings, conversation=recordings[0], avatar=avatar).avatar
    part = checked(RenderSettings, only=only).only
    models = load_models("portrait")
    scores = [measure_turns(models, recording, side=side, only=part) for recording in recordings]
    _show([asdict(score) for score in (*scores, over_all(scores))], as_json)


@bench.command()
def drift(
    conversation: Annotated[
        Path, typer.Argument(help="Two voices, avatar left and user right; repeated without end.")
    ],
    minutes: Annotated[float, typer.Option(help="Length of the performance.")] = 5.0,
    parts: Annotated[int, typer.Option(help="Parts that are compared.", min=2)] = 5,
    listening: Annotated[
        bool, typer.Option("--listening", help="The avatar is silent and listens to the user.")
    ] = False,
    anchor: Annotated[
        float, typer.Option(help="Perform again with this anchor, 0 to 1.", min=0, max=1)
    ] = 0.0,
    portrait: Annotated[
        Path | None, typer.Option(help="Whose motion it begins from, instead of the demo's.")
    ] = None,
    preset: options.Preset = "portrait",
    device: options.Device = "auto",
    nfe: options.Nfe = 10,
    untrained: Annotated[
        bool, typer.Option("--untrained", help="Random weights: they do not drift as real ones do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Does a long performance stay the person it began as? Each part's motion against the first.

    [bold]Example[/]  afgen bench drift call.wav --listening --anchor 0.2
    """
    from afgen.cli.speed import bench_models
    from afgen.demo.run import demo_portrait
    from afgen.evaluate.drift import measure_drift
    from afgen.media.images import load_portrait

    avatar_S, user_S = _two_voices(conversation)
    models = bench_models(preset, device, untrained)
    if untrained:
        say(
            "[yellow]note[/] the weights are random: this shows that the measurement runs, and "
            "nothing about how trained weights drift."
        )
    autoencoder = models.autoencoder(None)
    person = autoencoder.identify(load_portrait(portrait) if portrait else demo_portrait())
    voices = (None if listening else avatar_S, user_S)
    reference_D = autoencoder.reference_motion(person)
    rows: list[dict[str, Any]] = []
    for strength in sorted({0.0, anchor}):
        sampler = models.sampler(nfe, anchor=strength)
        measured = measure_drift(
            sampler,
            models.features["streaming"],
            *voices,
            reference_D,
            minutes=minutes,
            parts=parts,
        )
        rows += [{"anchor": strength, **asdict(part)} for part in measured]
    rows.sort(key=lambda row: row["until_min"])  # with and without the anchor side by side
    if not as_json:
        rows = [_drift_row(row) for row in rows]
    _show(rows, as_json)


def _two_voices(conversation: Path) -> "Floats":
    """Sound (2, S) with one voice a channel. Raises MediaError, OptionError."""
    from afgen.errors import OptionError
    from afgen.media.decode import decode_audio

    voices_2S = decode_audio(conversation)
    if len(voices_2S) != 2:
        raise OptionError(f"{conversation} has not one voice a channel.")
    return voices_2S


def _drift_row(row: dict[str, Any]) -> dict[str, Any]:
    """What is worth a column: face readings only where there are any."""
    shown = {
        "anchor": row["anchor"],
        "until min": row["until_min"],
        "moved": row["moved"],
        "off reference": row["off_reference"],
        "liveliness": row["liveliness"],
        "state MB": row["state_mb"],
    }
    return shown | {name.removesuffix("_deg"): v for name, v in (row["face"] or {}).items()}
