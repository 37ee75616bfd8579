"""The motion latent autoencoder: picture -> identity and motion -> picture, paper section 4.1.

z = z_S + m: the latent z_S of the source picture and a motion m, a sum of orthonormal directions.
A frame is drawn from z_S + m with the source's feature maps. The plain network: every layer as its
publication has it, differentiable, on any device. `folded.py` holds the same for drawing on a CPU.
Shape letters: B rows, C channels, H and W pixels, D latent, K coefficients.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from afgen.autoencoder.lia.basis import MotionBasis
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.decoder import Decoder
from afgen.autoencoder.lia.encoder import Encoder


@dataclass(frozen=True)
class Source:
    """What drawing needs of a portrait, computed once.

    latent_BD: z_S. coefficients_BK and motion_BD: lambda_S and m_S, what the portrait's face does.
    features: maps (B, C, H, W) of 8, 16, ... size pixels in float32, which warping needs. One row,
    or as many as frames are drawn.
    shares: these maps through the decoder's picture layers (B, 3, H, W), where the network warps
    them rather than the features.
    """

    latent_BD: Tensor
    coefficients_BK: Tensor
    motion_BD: Tensor
    features: tuple[Tensor, ...]
    shares: tuple[Tensor, ...] = ()


class LiaNetwork(nn.Module):
    """Encoder, motion basis and warping decoder. Pictures are RGB in [-1, 1], (B, 3, size, size).

    Verified by vectors of the authors' code at 64 px in the layout of their checkpoint; see
    `released.py` for what is known of each public layout.
    """

    def __init__(self, config: LiaConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.basis = MotionBasis(config.latent_dim, config.directions)
        self.decoder = Decoder(config)

    def source(self, image_BCHW: Tensor) -> Source:
        """Everything that drawing needs of source pictures, usually of one."""
        latent, features = self.encoder(image_BCHW)
        coefficients = self.encoder.coefficients(latent)
        wide = tuple(feature.float() for feature in features)
        return Source(latent, coefficients, self.basis(coefficients), wide)

    def motion(self, image_BCHW: Tensor) -> Tensor:
        """Motion (B, D) of the faces in pictures."""
        motion: Tensor = self.basis(self.encoder.coefficients(self.encoder(image_BCHW).latent_BD))
        return motion

    def decode(self, source: Source, motion_BD: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) of a source with these motions, about [-1, 1], unclamped."""
        picture: Tensor = self.decoder(source.latent_BD + motion_BD, source.features)
        return picture
