"""The presets' models with random weights: what speed is measured with where none are installed.

Speed does not depend on weights. Everything else does: their pictures are noise, and what they do
says nothing about the trained ones.
"""

import torch

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.conditions.features import AudioFeatures
from afgen.conditions.logmel import LogMelFeatures
from afgen.conditions.wav2vec2.streaming import StreamingWav2Vec2
from afgen.errors import OptionError
from afgen.evaluate.audio_features import untrained_wav2vec2
from afgen.generator.block import draw_block
from afgen.generator.config import full, portrait
from afgen.generator.weights import untrained_generator
from afgen.nn.accelerate import accelerated
from afgen.presets import Models, find_faces, preset_named
from afgen.presets.avatar_forcing import Autoencoders

LICENCE = "none; the weights are random"


def untrained_models(
    name: str,
    device: torch.device,
    dtype: torch.dtype,
    *,
    size: int = 512,
    hearing: bool = True,
) -> Models:
    """A preset's models without its weights.

    `dtype` is what the generator's products are computed in, `size` that of the autoencoder's
    network; without `hearing` there are no audio features.

    Raises OptionError for a preset that is not known.
    """
    makers = {"portrait": _portrait, "avatar-forcing": _avatar_forcing}
    if name not in makers:
        raise OptionError(f"there are no untrained models of {preset_named(name).name!r}.")
    return makers[name](device, dtype, size, hearing)


def _portrait(device: torch.device, dtype: torch.dtype, size: int, hearing: bool) -> Models:
    return Models(
        autoencoder=lambda wanted: MeshAutoencoder(find_faces, size=wanted or size),
        generator=untrained_generator(portrait(), device=device, dtype=dtype),
        features={"streaming": LogMelFeatures()} if hearing else {},
        weights_sha256={},
        licence=LICENCE,
        device=device,
        draw=accelerated(draw_block, device),
    )


def _avatar_forcing(device: torch.device, dtype: torch.dtype, size: int, hearing: bool) -> Models:
    features: dict[str, AudioFeatures] = {}
    if hearing:
        features = {"streaming": StreamingWav2Vec2(untrained_wav2vec2())}
    return Models(
        autoencoder=Autoencoders(untrained_network(LiaConfig(size=size), device)),
        generator=untrained_generator(full(), device=device, dtype=dtype),
        features=features,
        weights_sha256={},
        licence=LICENCE,
        device=device,
        threads=torch.get_num_threads(),
        draw=accelerated(draw_block, device),
    )


def untrained_network(config: LiaConfig, device: torch.device, seed: int = 0) -> LiaNetwork:
    """The paper's autoencoder with random weights everywhere, biases and noise included."""
    generator = torch.Generator().manual_seed(seed)
    network = LiaNetwork(config)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 1.0 if parameter.ndim > 1 else 0.1  # equalised layers scale inside
            parameter.normal_(std=scale, generator=generator)
    return network.to(device).eval().requires_grad_(False)
