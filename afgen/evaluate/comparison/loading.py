"""A system by what the command line calls it: a preset, or a file of weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from afgen.autoencoder.mesh.motion import MOTION_DIM
from afgen.baseline.model import WindowGenerator
from afgen.baseline.sampler import WindowSampler
from afgen.baseline.weights import PART, baseline_from
from afgen.checkpoint import Checkpoint, load_checkpoint
from afgen.conditions.features import AudioFeatures
from afgen.conditions.kinds import features_from
from afgen.errors import OptionError
from afgen.evaluate.comparison.systems import (
    Sampling,
    System,
    WithoutUser,
    streaming_system,
    window_system,
)
from afgen.generator.weights import generator_from
from afgen.presets import PRESETS, Models, load_models

CHANGES: Final[dict[str, tuple[str, Callable[[str], float]]]] = {
    "nfe": ("nfe", int),
    "audio": ("guidance_audio", float),
    "user": ("guidance_user", float),
}
"""What one system alone may be sampled with: the setting's short name, its field and its type."""


def load_system(
    name: str, source: str, *, device: str = "auto", sampling: Sampling | None = None
) -> System:
    """A preset by its name, or the file of a generator or of a baseline.

    A file is sampled with the joints and the remembered noise of its family's preset, so that files
    of a family differ by their weights alone. One that learned without the user's motion is not
    shown it. `SOURCE@user=2,audio=3,nfe=5` changes the sampling of this system alone.

    Raises OptionError for a name that is neither, and WeightsError of one kind or another.
    """
    source, sampling = _own_sampling(source, sampling or Sampling())
    if source in PRESETS:
        models = load_models(source, device)
        return _streaming(
            name, models, sampling, models.features["streaming"], models.weights_sha256["generator"]
        )
    if not Path(source).is_file():
        raise OptionError(
            f"{source} is neither a file nor a preset.",
            hint=f"Give a file of weights, or one of {', '.join(PRESETS)}.",
        )
    checkpoint = load_checkpoint(Path(source))
    models = load_models(_family_of(checkpoint), device)
    loaded = _from_file(name, checkpoint, models, sampling)
    return WithoutUser(loaded, name, heard=True) if _never_saw_users(checkpoint) else loaded


def _own_sampling(source: str, shared: Sampling) -> tuple[str, Sampling]:
    """The source without the changes behind its last @, and the sampling with them."""
    path, at, changes = source.rpartition("@")
    if not at or Path(source).exists():
        return source, shared
    for change in changes.split(","):
        key, _, value = change.partition("=")
        if key not in CHANGES:
            raise OptionError(f"{source}: after @ there can be {', '.join(CHANGES)}.")
        field, read = CHANGES[key]
        try:
            changed: dict[str, Any] = {field: read(value)}
        except ValueError:
            raise OptionError(f"{source}: {key} cannot be {value!r}.") from None
        shared = replace(shared, **changed)
    return path, shared


def _family_of(checkpoint: Checkpoint) -> str:
    """The preset whose motion these weights make: that of the face mesh, or latents."""
    config = checkpoint.config
    made = {**config.get("generator", {}), **config.get(PART, {})}.get("motion_dim", MOTION_DIM)
    return "portrait" if made == MOTION_DIM else "avatar-forcing"


def _never_saw_users(checkpoint: Checkpoint) -> bool:
    """Whether training hid the user's motion, as a checkpoint's recipe tells."""
    settings = checkpoint.provenance.get("settings")
    data = settings.get("data") if isinstance(settings, dict) else None
    return isinstance(data, dict) and data.get("user_motion") is False


def _from_file(name: str, checkpoint: Checkpoint, models: Models, sampling: Sampling) -> System:
    hears = checkpoint.config.get("features", {})
    if hears.get("kind", "logmel") == "logmel":
        features = features_from(hears, device=models.device)
    else:  # the network that it heard through comes with its family
        features = models.features[hears.get("mode", "whole")]
    if PART in checkpoint.config:
        baseline = baseline_from(checkpoint, device=models.device)
        return _baseline(name, models, baseline, sampling, features, checkpoint.sha256)
    models = replace(models, generator=generator_from(checkpoint, device=models.device))
    return _streaming(name, models, sampling, features, checkpoint.sha256)


def _streaming(
    name: str, models: Models, sampling: Sampling, features: AudioFeatures, sha256: str
) -> System:
    sampler = models.sampler(sampling.nfe, sampling.guidance_audio, sampling.guidance_user)
    return streaming_system(name, sampler, features, sha256, threads=models.threads)


def _baseline(
    name: str,
    models: Models,
    baseline: WindowGenerator,
    sampling: Sampling,
    features: AudioFeatures,
    sha256: str,
) -> System:
    sampler = WindowSampler(
        baseline,
        sampling.nfe,
        models.guidance.changed(sampling.guidance_audio, sampling.guidance_user),
        continuity=models.continuity,
        context_noise=models.context_noise,
    )
    return window_system(name, sampler, features, sha256, threads=models.threads)
