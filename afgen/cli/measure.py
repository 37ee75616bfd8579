"""Commands that measure: `afgen bench`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from afgen.cli.terminal import Json, print_json, print_table

bench = typer.Typer(help="Measure speed and quality.", no_args_is_help=True)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(json.dumps(rows, indent=2))
        return
    print_table(
        rows[0],
        ((f"{v:.3g}" if isinstance(v, float) else v for v in row.values()) for row in rows),
    )


@bench.command()
def reenactment(
    clips: Annotated[list[Path], typer.Argument(help="Videos of one face each.")],
    as_json: Json = False,
) -> None:
    """Self-reenactment: each clip's first frame made to do what the clip does.

    [bold]Example[/]  afgen bench reenactment clips/*.mp4
    """
    from afgen.autoencoder.mesh.decode import MeshAutoencoder
    from afgen.evaluate.autoencoder import bench_clips
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
    features: Annotated[Path, typer.Argument(help="The folder `features` that prepare wrote.")],
    draws: Annotated[int, typer.Option(help="Samples averaged a clip.")] = 4,
    as_json: Json = False,
) -> None:
    """Does the mouth follow the sound? Correlation of generated and real lip opening.

    [bold]Example[/]  afgen bench lips held-out/features
    """
    from afgen.evaluate.lips import measure_lips
    from afgen.presets import load_models

    sampler = load_models("portrait").sampler(10, 2.0, 1.0)
    _show([asdict(score) for score in measure_lips(sampler, features, draws=draws)], as_json)


@bench.command()
def listening(
    features: Annotated[Path, typer.Argument(help="The folder `features` that prepare wrote.")],
    conversations: Annotated[int, typer.Option(help="Conversations of 24 s.", min=2)] = 12,
    as_json: Json = False,
) -> None:
    """Is listening alive, and does it react? Nods, blinks, smiles, a closed mouth, causality.

    [bold]Example[/]  afgen bench listening features/features
    """
    from afgen.evaluate.listening import measure_listening
    from afgen.presets import load_models

    sampler = load_models("portrait").sampler(10, 2.0, 1.0)
    report = measure_listening(sampler, features, conversations=conversations)
    _show([asdict(report)], as_json)


@bench.command()
def drift(
    conversation: Annotated[
        Path, typer.Argument(help="Two voices, avatar left and user right; repeated without end.")
    ],
    minutes: Annotated[float, typer.Option(help="Length of the performance.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Does a long performance stay the person it began as? Motion of each sixth of it.

    [bold]Example[/]  afgen bench drift call.wav --minutes 30
    """
    from afgen.errors import OptionError
    from afgen.evaluate.drift import measure_drift
    from afgen.media.decode import decode_audio
    from afgen.presets import load_models

    voices_CS = decode_audio(conversation)
    if len(voices_CS) != 2:
        raise OptionError(f"{conversation} has not one voice a channel.")
    sampler = load_models("portrait").sampler(10, 2.0, 1.0)
    parts = measure_drift(sampler, voices_CS[0], voices_CS[1], minutes=minutes)
    _show([asdict(part) for part in parts], as_json)
