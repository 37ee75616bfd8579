"""The paper's own family: motion latent autoencoder, wav2vec2 features, full generator."""

import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from afgen.autoencoder.lia.autoencoder import FaceNetwork, LiaAutoencoder, See
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.folded import FoldedLia
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.checkpoint import Checkpoint, config_from, fill, load_checkpoint
from afgen.clock import BLOCK_FRAMES
from afgen.conditions.features import AudioFeatures
from afgen.conditions.wav2vec2.config import Wav2Vec2Config
from afgen.conditions.wav2vec2.network import Wav2Vec2Network
from afgen.conditions.wav2vec2.streaming import StreamingWav2Vec2
from afgen.conditions.wav2vec2.whole import WholeWav2Vec2
from afgen.generator.block import draw_block
from afgen.generator.weights import generator_from
from afgen.nn.accelerate import accelerated
from afgen.presets.faces import find_faces
from afgen.presets.models import Models
from afgen.weights import store


@dataclass(frozen=True, slots=True)
class AvatarForcing:
    """Its weights are a set that the user has imported; see `afgen weights`."""

    weights: str
    licence: str

    def load(self, device: torch.device) -> Models:
        """The models, all of them on `device`: on a GPU the generator's products are in bfloat16.

        Raises WeightsMissingError that says how to get the weights, WeightsDamagedError,
        WeightsMismatchError.
        """
        known = store.find(self.weights)
        parts = {
            part: load_checkpoint(path, sha256=known.sha256[part])
            for part, path in known.files.items()
        }
        on_gpu = device.type == "cuda"
        return Models(
            autoencoder=Autoencoders(_network(parts["autoencoder"], device)),
            generator=generator_from(
                parts["generator"], device=device, dtype=torch.bfloat16 if on_gpu else torch.float32
            ),
            features=_features(parts["wav2vec2"], device),
            weights_sha256=known.sha256,
            licence=known.licence,
            notice=known.notice,
            device=device,
            threads=torch.get_num_threads(),
            draw=accelerated(draw_block, device),
        )

    def weights_sha256(self) -> dict[str, str]:
        """The hash each file should have. Raises WeightsMissingError, WeightsDamagedError."""
        return store.find(self.weights).sha256

    def verify(self) -> None:
        """Read every file and compare its hash. Raises as `load`."""
        store.find(self.weights)
        store.verify(self.weights)


class Autoencoders:
    """One network for pictures of any size, in the form that suits its device."""

    def __init__(self, network: LiaNetwork) -> None:
        self._device = next(network.parameters()).device
        self._network: FaceNetwork = network
        self._at_once = BLOCK_FRAMES
        if self._device.type == "cpu":
            self._network = FoldedLia(network, threads=torch.get_num_threads())
            self._at_once = 1
        else:
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._see = _alone(accelerated(self._network.motion, self._device))
        self._draw = accelerated(self._network.decode, self._device)

    def __call__(self, size: int | None) -> LiaAutoencoder:
        """The one whose pictures have this size; None for the network's own."""
        return LiaAutoencoder(
            self._network,
            find_faces,
            device=self._device,
            size=size,
            at_once=self._at_once,
            see=self._see,
            draw=self._draw,
        )


def _alone(see: See) -> See:
    """For recordings that are read at the same time: the network sees for one of them at a time."""
    lock = threading.Lock()

    def one_at_a_time(image_BCHW: Tensor) -> Tensor:
        with lock:
            return see(image_BCHW)

    return one_at_a_time


def _network(checkpoint: Checkpoint, device: torch.device) -> LiaNetwork:
    network = LiaNetwork(config_from(LiaConfig, checkpoint.config["autoencoder"]))
    fill(network, checkpoint.tensors)
    return network.to(device).eval().requires_grad_(False)


def _features(checkpoint: Checkpoint, device: torch.device) -> dict[str, AudioFeatures]:
    config = config_from(Wav2Vec2Config, checkpoint.config["wav2vec2"])
    network = Wav2Vec2Network(config, checkpoint.tensors, device)
    return {"streaming": StreamingWav2Vec2(network), "whole": WholeWav2Vec2(network)}
