"""Public checkpoints of the LIA family: their names of the weights to ours.

What is known of each:

- Avatar Forcing's `motion_autoencoder.pth`: names and shapes at 512 px from its listing; at 64 px
  the encoder's latent, coefficients and motion and the decoder's picture agree with vectors of the
  authors' code.
- FLOAT's `float.pth`: its autoencoder has the same listing and is where Avatar Forcing's comes
  from; not run against vectors of its own.
- LIA's `vox.pt`, entry `gen`, 256 px: the same names without a prefix by its listing; that the
  layers compute the same is inferred from the publication.

Two kinds of entries are required and then left: a first picture layer that nothing reads, and the
strengths of noise that is not injected. Filter taps are compared with ours where a file has them.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import torch
from torch import Tensor

from afgen.autoencoder.lia.blur import TAPS
from afgen.autoencoder.lia.config import SMALLEST, LiaConfig
from afgen.checkpoint import check_layout
from afgen.errors import WeightsMismatchError

AVATAR_FORCING: Final = "motion_autoencoder."
_STEM = "enc.net_app.convs.0.0.weight"
_KERNEL = ".kernel"
_BASIS = "basis.vectors"


class Entry(NamedTuple):
    """An entry of a public layout; `ours` is None where we have no use for it."""

    theirs: str
    shape: tuple[int, ...]
    ours: str | None


def from_released(
    weights: Mapping[str, Tensor], *, prefix: str = AVATAR_FORCING
) -> tuple[LiaConfig, dict[str, Tensor]]:
    """Configuration and weights of a LiaNetwork from a public checkpoint's.

    Raises WeightsMismatchError naming what is missing, unexpected or misshapen.
    """
    config = _config(weights, prefix)
    entries = [entry._replace(theirs=prefix + entry.theirs) for entry in layout(config)]
    _check(weights, entries)
    ours = {
        entry.ours: _reshaped(entry.ours, weights[entry.theirs])
        for entry in entries
        if entry.ours is not None
    }
    return config, ours


def layout(config: LiaConfig) -> Iterator[Entry]:
    """Every parameter of the public layout at these sizes, without a prefix or the filter taps."""
    yield from _encoder(config)
    yield from _decoder(config)


def _encoder(config: LiaConfig) -> Iterator[Entry]:
    widths = [config.channels(resolution) for resolution in config.resolutions[::-1]]
    theirs, ours = "enc.net_app.convs.", "encoder."
    yield from _activated(theirs + "0.", 0, ours + "stem", (widths[0], 3, 1, 1))
    for index, (fine, coarse) in enumerate(pairwise(widths)):
        name, own = f"{theirs}{index + 1}.", f"{ours}blocks.{index}."
        yield from _activated(name + "conv1.", 0, own + "conv1", (fine, fine, 3, 3))
        yield from _activated(name + "conv2.", 1, own + "conv2", (coarse, fine, 3, 3))
        yield Entry(name + "skip.1.weight", (coarse, fine, 1, 1), own + "skip.weight")
    dim = config.latent_dim
    head = (dim, widths[-1], SMALLEST, SMALLEST)
    yield Entry(f"{theirs}{len(widths)}.weight", head, ours + "head.weight")
    for index, out in enumerate((dim, dim, dim, dim, config.directions)):
        yield from _linear(f"enc.fc.{index}.", f"{ours}to_motion.{index}.", out, dim)


def _decoder(config: LiaConfig) -> Iterator[Entry]:
    widths = [config.channels(resolution) for resolution in config.resolutions]
    dim, theirs, ours = config.latent_dim, "dec.", "decoder."
    yield Entry(theirs + "direction.weight", (dim, config.directions), _BASIS)
    yield Entry(theirs + "input.input", (1, widths[0], SMALLEST, SMALLEST), ours + "constant")
    yield from _styled(theirs + "conv1.", ours + "first.", widths[0], widths[0], dim)
    yield from _picture(theirs + "to_rgb1.", None, widths[0])
    for index, (coarse, fine) in enumerate(pairwise(widths)):
        own = f"{ours}levels.{index}."
        yield from _styled(f"{theirs}convs.{2 * index}.", own + "up.", coarse, fine, dim)
        yield from _styled(f"{theirs}convs.{2 * index + 1}.", own + "conv.", fine, fine, dim)
        yield from _picture(f"{theirs}to_rgbs.{index}.", own + "to_picture.", fine)
        flow = f"{theirs}to_flows.{index}."
        yield Entry(flow + "bias", (1, 3, 1, 1), own + "to_flow.bias")
        yield Entry(flow + "conv.weight", (1, 3, fine, 1, 1), own + "to_flow.weight")
        yield from _linear(flow + "conv.modulation.", own + "to_flow.modulation.", fine, dim)


def _linear(theirs: str, ours: str, out: int, inputs: int) -> Iterator[Entry]:
    yield Entry(theirs + "weight", (out, inputs), ours + "weight")
    yield Entry(theirs + "bias", (out,), ours + "bias")


def _activated(theirs: str, position: int, ours: str, shape: tuple[int, ...]) -> Iterator[Entry]:
    """Convolution at `position` of a sequence, its bias right behind."""
    yield Entry(f"{theirs}{position}.weight", shape, f"{ours}.weight")
    yield Entry(f"{theirs}{position + 1}.bias", (1, shape[0], 1, 1), f"{ours}.bias")


def _styled(theirs: str, ours: str, inputs: int, out: int, dim: int) -> Iterator[Entry]:
    yield Entry(theirs + "conv.weight", (1, out, inputs, 3, 3), ours + "weight")
    yield from _linear(theirs + "conv.modulation.", ours + "modulation.", inputs, dim)
    yield Entry(theirs + "noise.weight", (1,), None)
    yield Entry(theirs + "activate.bias", (1, out, 1, 1), ours + "bias")


def _picture(theirs: str, ours: str | None, inputs: int) -> Iterator[Entry]:
    shapes = {"conv.0.weight": (3, inputs, 1, 1), "conv.1.bias": (1, 3, 1, 1), "bias": (1, 3, 1, 1)}
    names = {"conv.0.weight": "weight", "conv.1.bias": "bias", "bias": "offset"}
    for name, shape in shapes.items():
        yield Entry(theirs + name, shape, ours and ours + names[name])


def _config(weights: Mapping[str, Tensor], prefix: str) -> LiaConfig:
    """Sizes as far as the shapes tell; the comparison finds whatever contradicts them."""

    def size(otherwise: int, *places: tuple[str, int]) -> int:
        shapes = [(weights[prefix + n].shape, axis) for n, axis in places if prefix + n in weights]
        return next((shape[axis] for shape, axis in shapes if axis < len(shape)), otherwise)

    usual = LiaConfig()
    blocks = sum(name.endswith("conv1.0.weight") for name in weights) or len(usual.resolutions) - 1
    dim = size(usual.latent_dim, ("dec.direction.weight", 0), ("enc.fc.0.weight", 1))
    directions = size(usual.directions, ("dec.direction.weight", 1), ("enc.fc.4.weight", 0))
    head = f"enc.net_app.convs.{blocks + 1}.weight"
    widest = size(usual.max_channels, (head, 1), ("dec.input.input", 1))
    try:
        configs = [LiaConfig(SMALLEST << blocks, dim, directions, m, widest) for m in (1, 2)]
    except ValueError as error:
        raise WeightsMismatchError(f"the public checkpoint is of no known size: {error}") from error
    finest = size(configs[0].channels(configs[0].size), (_STEM, 0))
    fitting = [config for config in configs if config.channels(config.size) == finest]
    return (fitting or configs)[0]


def _check(weights: Mapping[str, Tensor], entries: list[Entry]) -> None:
    taps = {name: tensor for name, tensor in weights.items() if name.endswith(_KERNEL)}
    found = {name: tensor for name, tensor in weights.items() if name not in taps}
    expected = {entry.theirs: entry.shape for entry in entries}
    check_layout(found, expected, where="the public checkpoint of the autoencoder")
    for name, kernel in taps.items():
        if not _is_our_filter(kernel):
            raise WeightsMismatchError(
                f"the public checkpoint filters otherwise than with {TAPS} in {name!r}"
            )


def _is_our_filter(kernel: Tensor) -> bool:
    """Whether it is the outer product of our taps, up to a gain."""
    taps = torch.tensor(TAPS)
    if kernel.shape != (4, 4):
        return False
    if kernel.is_meta:
        return True
    ours = torch.outer(taps, taps) / taps.sum() ** 2
    return torch.allclose(kernel.float() / kernel.float().sum(), ours, atol=1e-4)


def _reshaped(ours: str, tensor: Tensor) -> Tensor:
    if ours == _BASIS:
        return _directions(tensor)
    if ours.endswith(("bias", "offset")):
        return tensor.flatten()
    if ours.endswith("to_flow.weight"):
        return tensor[0].flatten(1)
    if tensor.dim() == 5 or ours.endswith("constant"):
        return tensor[0]
    return tensor


def _directions(weight_DK: Tensor) -> Tensor:
    """Q of the reference's decomposition, on the CPU and with the signs that it gives."""
    if weight_DK.is_meta:
        return weight_DK
    vectors: Tensor = torch.linalg.qr(weight_DK.float().cpu() + 1e-8)[0]
    return vectors
