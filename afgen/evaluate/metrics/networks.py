"""FID, FVD, CSIM and SyncNet's embeddings through networks that the user gives by path.

None of these networks is part of this project, and none is rebuilt here: a figure is comparable
with a paper's only through the very weights that the paper used. Each is a TorchScript file, which
holds layers and weights together:

    FID    pictures uint8 (B, 3, H, W)                    -> (B, F)
    FVD    clips float32 (B, 3, 16, 224, 224), -1 to 1    -> (B, F)
    CSIM   faces float32 (B, 3, 112, 112), -1 to 1        -> (B, F)
    LSE    pictures uint8 (T, 3, H, W), voice float32 (S,), 16 kHz  -> two of (N, E), N windows

Where a network's `forward` takes `return_features`, it is passed as true; where it takes `resize`
and `rescale`, they are passed as false: so Inception and I3D can be used as StyleGAN's authors
publish them.

Opening TorchScript runs none of the file's Python, unlike a pickle: its code is interpreted with
torch's operators only. Some of these read and write files, so a file of a stranger is still not
safe; take networks from their authors.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from torch import Tensor

from afgen.errors import WeightsDamagedError, WeightsMismatchError, WeightsMissingError
from afgen.evaluate.metrics.frechet import frechet_of_rows
from afgen.evaluate.metrics.sync import SyncNetScore, syncnet_score
from afgen.signals import Floats, Image

CLIP_FRAMES: Final = 16
CLIP_SIDE: Final = 224
FACE_SIDE: Final = 112
_BATCH: Final = 16
_FIXED: Final = {"return_features": True, "resize": False, "rescale": False}


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the user's, and the options that its `forward` is called with."""

    name: str
    module: Any
    options: dict[str, bool]

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> Any:
        """Raises WeightsMismatchError where the network cannot take these inputs."""
        try:
            return self.module(*inputs, **self.options)
        except RuntimeError as error:  # torch's form of every wrong shape or type
            last = str(error).strip().splitlines()[-1]
            raise WeightsMismatchError(f"{self.name} cannot take its input: {last}") from error

    def rows(self, inputs: Tensor) -> Floats:
        """Features (B, F). Raises WeightsMismatchError for anything else."""
        features = self(inputs)
        if not isinstance(features, Tensor) or features.shape[:1] != inputs.shape[:1]:
            raise WeightsMismatchError(f"{self.name} gives no row of features for each input")
        return features.float().flatten(1).cpu().numpy()


def load_network(path: Path, *, device: str = "cpu") -> Network:
    """A TorchScript file on a device, see above for how far it can be trusted.

    Raises WeightsMissingError, or WeightsDamagedError for what is no TorchScript.
    """
    if not path.is_file():
        raise WeightsMissingError(
            f"There is no network at {path}.",
            hint="Give the path of a TorchScript file; see docs/metrics.md.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what others publish is this form
            module = torch.jit.load(str(path), device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise WeightsDamagedError(
            f"{path.name} is no TorchScript file.",
            hint="Export the network with torch.jit.script or torch.jit.trace; a file of weights "
            "alone holds no layers.",
        ) from error
    known = {argument.name for argument in module.forward.schema.arguments}
    return Network(path.name, module.eval(), {k: v for k, v in _FIXED.items() if k in known})


def picture_features(pictures: Iterable[Image], network: Network) -> Floats:
    """Rows (T, F) for FID, one a picture."""
    return np.concatenate(
        [network.rows(torch.from_numpy(_channels_first(few))) for few in _groups(pictures, _BATCH)]
    )


def clip_features(pictures: Iterable[Image], network: Network) -> Floats:
    """Rows (N, F) for FVD, one for each 16 pictures in a row; what is left over is not shown.

    Raises ValueError for fewer than 16 pictures.
    """
    rows = []
    for clip in _groups(pictures, CLIP_FRAMES):
        if len(clip) == CLIP_FRAMES:
            pixels_TCHW = _scaled(clip, CLIP_SIDE)
            rows.append(network.rows(torch.from_numpy(pixels_TCHW.swapaxes(0, 1)[None])))
    if not rows:
        raise ValueError(f"a clip takes {CLIP_FRAMES} pictures")
    return np.concatenate(rows)


def fid(truth_TF: Floats, made_TF: Floats) -> float:
    """FID or FVD: the Frechet distance of two sets of features.

    Heusel et al., NeurIPS 2017; Unterthiner et al., "Towards Accurate Generative Models of Video",
    2018. Both fall with the number of rows: compare figures of as many rows alone.
    """
    return frechet_of_rows(truth_TF, made_TF)


def csim(source_HWC: Image, pictures: Iterable[Image], network: Network) -> Floats:
    """Cosine (T,) of each face's embedding and the source picture's.

    Pictures are crops of one face as the network was trained on, and are only scaled here.
    """
    source_F = network.rows(torch.from_numpy(_scaled([source_HWC], FACE_SIDE)))[0]
    faces_TF = np.concatenate(
        [
            network.rows(torch.from_numpy(_scaled(few, FACE_SIDE)))
            for few in _groups(pictures, _BATCH)
        ]
    )
    lengths_T = np.linalg.norm(faces_TF, axis=1) * np.linalg.norm(source_F)
    cosine_T: Floats = faces_TF @ source_F / np.maximum(lengths_T, np.finfo(np.float32).tiny)
    return cosine_T


def lip_sync_error(pictures: Iterable[Image], voice_S: Floats, network: Network) -> SyncNetScore:
    """LSE-D and LSE-C of a video, through a SyncNet that embeds both sides.

    Raises WeightsMismatchError for a network that does not give two embeddings of one shape.
    """
    shown = torch.from_numpy(_channels_first(list(pictures)))
    both = network(shown, torch.from_numpy(voice_S))
    if not isinstance(both, tuple) or len(both) != 2 or both[0].shape != both[1].shape:
        raise WeightsMismatchError(f"{network.name} gives no two embeddings of one shape")
    video_NE, audio_NE = (side.float().cpu().numpy() for side in both)
    return syncnet_score(video_NE, audio_NE)


def _groups(pictures: Iterable[Image], size: int) -> Iterator[list[Image]]:
    each = iter(pictures)
    while group := list(islice(each, size)):
        yield group


def _channels_first(pictures: Sequence[Image]) -> Image:
    return np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))


def _scaled(pictures: Sequence[Image], side: int) -> Floats:
    """Pictures (T, 3, side, side) from -1 to 1."""
    sized = [
        np.asarray(cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        for one in pictures
    ]
    return _channels_first(sized).astype(np.float32) / np.float32(127.5) - 1
