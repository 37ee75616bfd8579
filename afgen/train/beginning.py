"""How a motion latent autoencoder begins: drawing its source, and hearing motion from step one.

With layers of random numbers alone, the first thousands of steps go into finding the picture again,
and what two frames of a clip differ in is a hundredth of what the encoder says of either: no
gradient finds it. So the picture passes through at first, and the encoder's last layers are set
from the pictures themselves.

Shape letters: B rows, C channels, H and W pixels, F numbers into a layer, D latent, K directions.
"""

from collections.abc import Iterable
from typing import Final

import torch
from torch import Tensor, nn

from afgen.autoencoder.lia.basis import MotionBasis, orthonormal
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.decoder import ToPicture
from afgen.autoencoder.lia.encoder import Encoder
from afgen.autoencoder.lia.equalised import GAIN, SLOPE, EqualLinear
from afgen.autoencoder.lia.network import LiaNetwork

_MASK_OPEN: Final = 6.0  # before the sigmoid: the first picture is nearly all of the source
_SMALLEST_SHARE: Final = 0.1  # of the largest deviation: a smaller one is not raised to as much


class LearnedBasis(MotionBasis):
    """Directions that are made orthonormal whenever they are used, so any step may move them."""

    def forward(self, coefficients_BK: Tensor) -> Tensor:
        """Motion (B, D)."""
        return coefficients_BK @ orthonormal(self.vectors).T


def untrained_network(config: LiaConfig) -> LiaNetwork:
    """A network that draws its source at first: open masks, no flow, colours that pass through.

    Its basis is orthonormalised at every use. The linear layers of the motion head begin as
    rotations, so that what is small in a latent is as small behind them: a product of random
    matrices all but drops most directions (Saxe, McClelland & Ganguli, "Exact Solutions to the
    Nonlinear Dynamics of Learning in Deep Linear Neural Networks", ICLR 2014).
    """
    network = LiaNetwork(config)
    network.basis = LearnedBasis(config.latent_dim, config.directions)
    with torch.no_grad():
        for level in network.decoder.levels:
            for name in ("to_flow", "to_picture"):
                level.get_submodule(name).get_parameter("weight").zero_()
        _pass_colours(network)
        for layer in _motion_layers(network.encoder)[:-1]:
            rotation_DD = orthonormal(torch.randn_like(layer.weight))
            layer.weight.copy_(rotation_DD / layer.scale)
    return network


def _pass_colours(network: LiaNetwork) -> None:
    """Let six channels of the finest features carry the picture from the stem to its end.

    The leaky ReLU f has f(x) - f(-x) = (1 + slope) gain x, so the two signs of a colour give it
    back; with a bias of 1 the last activation sees no negative number.
    """
    stem, levels = network.encoder.stem, network.decoder.levels
    last = levels[-1].get_submodule("to_picture")
    if not isinstance(last, ToPicture):
        raise TypeError("the last level has no picture layer")
    for colour in range(3):
        for channel, sign in ((2 * colour, 1.0), (2 * colour + 1, -1.0)):
            stem.weight[channel] = 0.0
            stem.weight[channel, colour] = sign / stem.scale
            last.weight[colour, channel] = sign / (last.scale * (1 + SLOPE) * GAIN**2)
    last.bias.fill_(1 / GAIN)
    last.offset.fill_(-1.0)
    levels[0].get_submodule("to_flow").get_parameter("bias")[2] = _MASK_OPEN  # masks add up


@torch.no_grad()
def hear_motion(network: LiaNetwork, pairs: Iterable[tuple[Tensor, Tensor]], spread: float) -> None:
    """Set the encoder's last layers so that frames of one clip differ clearly from the start.

    `pairs` are batches of sources and targets, (B, 3, H, W) each, some hundreds of rows. Latents
    become principal components of what comes before them, whitened and without their mean, so that
    a pose is seen in z_S; coefficients become the principal components of differences within
    clips, each with this `spread`. Whitening a layer's output from data is Mishkin & Matas, "All
    You Need Is a Good Init", ICLR 2016.
    """
    encoder = network.encoder
    seen = [torch.stack((source, target)) for source, target in pairs]
    maps_NF = torch.cat([_before_latent(encoder, each.flatten(0, 1)) for each in seen])
    _whiten_latents(encoder, maps_NF)
    latents = [encoder(each.flatten(0, 1)).latent_BD.unflatten(0, each.shape[:2]) for each in seen]
    source_BD, target_BD = torch.cat(latents, dim=1)
    _whiten_motion(encoder, source_BD, target_BD, spread)


def _whiten_latents(encoder: Encoder, maps_NF: Tensor) -> None:
    """Latents with a deviation of one and no mean, in directions that mix all components.

    The layer has no bias. It is made blind to the mean itself, and so to whatever a step changes
    alike in all pictures: amplified, that would drown the motion.
    """
    mean_F, head = maps_NF.mean(0), encoder.head
    gain_D1, directions_DF = _whitening(maps_NF - mean_F, len(head.weight))
    rotation_DD = orthonormal(torch.randn(len(gain_D1), len(gain_D1))).to(maps_NF)
    weight_DF = rotation_DD @ (gain_D1 * directions_DF)
    weight_DF -= torch.outer(weight_DF @ mean_F, mean_F) / mean_F.square().sum()
    head.weight[: len(weight_DF)] = weight_DF.view(-1, *head.weight.shape[1:]) / head.scale


def _whiten_motion(encoder: Encoder, source_BD: Tensor, target_BD: Tensor, spread: float) -> None:
    """Coefficients of this deviation between frames of a clip, about zero over all pictures."""
    *before, last = _motion_layers(encoder)
    source_BD, target_BD = (nn.Sequential(*before)(latent) for latent in (source_BD, target_BD))
    gain_K1, directions_KD = _whitening(target_BD - source_BD, len(last.weight))
    last.weight[: len(gain_K1)] = spread * gain_K1 * directions_KD / last.scale
    last.bias.copy_(-(last.weight * last.scale) @ target_BD.mean(0))


def _whitening(centred_NF: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """One over the deviation (D, 1) of so many principal components, and these (D, F)."""
    _, deviation_D, directions_DF = torch.linalg.svd(centred_NF, full_matrices=False)
    deviation_D = deviation_D[:count] / len(centred_NF) ** 0.5
    least = _SMALLEST_SHARE * float(deviation_D[0])
    return 1 / deviation_D[:, None].clamp(min=least), directions_DF[:count]


def _before_latent(encoder: Encoder, image_BCHW: Tensor) -> Tensor:
    """What the layer of the latent is given, (B, F)."""
    finest = encoder.stem(image_BCHW)
    coarsest: Tensor = nn.Sequential(*encoder.blocks)(finest)
    return coarsest.flatten(1)


def _motion_layers(encoder: Encoder) -> list[EqualLinear]:
    layers = [layer for layer in encoder.to_motion if isinstance(layer, EqualLinear)]
    if len(layers) != len(encoder.to_motion):
        raise TypeError("the motion head is made of EqualLinear layers")
    return layers
