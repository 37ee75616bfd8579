"""Looks into uploads, in a process of its own: `python -m afgen.jobs.examine`.

One request a line comes in and one answer a line goes out, both JSON. The libraries that decode
strangers' files stay in here: a file that crashes them costs this process and nothing else.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.identity import usable_face
from afgen.errors import AfgenError, SilentAudioError
from afgen.jobs.facts import AssetKind, AudioFacts, FaceFacts, Facts, VideoFacts
from afgen.media.audio import require_audible
from afgen.media.decode import iterate_audio
from afgen.media.images import load_portrait
from afgen.media.probe import MediaInfo, probe
from afgen.signals import to_samples
from afgen.tracks.landmarks import landmarks_of_portrait

_MEMORY_BYTES = 8 * 2**30  # a portrait of the largest size allowed, and the libraries
_SOUND_BLOCK_SAMPLES = 16_000


def facts_of(kind: AssetKind, path: Path) -> Facts:
    """What the picture or recording at `path` holds.

    Raises MediaError or PortraitError, as a render would.
    """
    return _portrait(path) if kind is AssetKind.PORTRAIT else _recording(path)


def _portrait(path: Path) -> Facts:
    image_HWC = load_portrait(path).image_HWC
    faces = [face.landmarks_N3 for face in landmarks_of_portrait(image_HWC)]
    found_N3 = usable_face(faces, load_basis().mean_N3)
    width, height = (int(extent) for extent in (found_N3.max(0) - found_N3.min(0))[:2])
    return Facts(
        width=image_HWC.shape[1],
        height=image_HWC.shape[0],
        face=FaceFacts(width=width, height=height),
    )


def _recording(path: Path) -> Facts:
    info = probe(path)
    video, audio = info.video, info.audio
    return Facts(
        container=info.container,
        duration_s=round(info.duration_s, 3),
        video=video
        and VideoFacts(
            width=video.width,
            height=video.height,
            rate_hz=round(video.rate_hz, 3),
            codec=video.codec,
        ),
        audio=audio
        and AudioFacts(
            rate_hz=audio.rate_hz,
            channels=audio.channels,
            codec=audio.codec,
            audible=_audible(info),
        ),
    )


def _audible(info: MediaInfo) -> bool:
    """Whether anything can be heard; reads no further than the first that can."""
    for sound_CS in iterate_audio(info.path, info=info, block_samples=_SOUND_BLOCK_SAMPLES):
        try:
            require_audible(to_samples(sound_CS), info.path.name)
        except SilentAudioError:
            continue
        return True
    return False


def answer(request: Mapping[str, str]) -> dict[str, object]:
    """What is said to a request: facts, the error that a render would raise, or a fault of ours."""
    try:
        facts = facts_of(AssetKind(request["kind"]), Path(request["path"]))
        return {"facts": facts.model_dump(exclude_none=True)}
    except AfgenError as error:
        told = {"code": error.code, "message": error.message, "hint": error.advice}
        return {"error": told}
    except Exception:
        return {"fault": traceback.format_exc()}


def main() -> None:
    """Answer requests until there are no more."""
    answers = _own_output()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


def _own_output() -> TextIO:
    """Standard output for answers alone: what libraries print goes where errors go."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main()
