"""The network for drawing on a CPU: the plain one's weights, folded, and fused loops.

It gives what `LiaNetwork` gives up to rounding, in float32 and without gradients, and shares its
interface, so either may stand behind the other's callers.
"""

import torch
from torch import Tensor

from afgen.autoencoder.lia.bands import STRIP, Bands
from afgen.autoencoder.lia.folded_decoder import FoldedDecoder
from afgen.autoencoder.lia.folded_encoder import FoldedEncoder
from afgen.autoencoder.lia.network import LiaNetwork, Source


class FoldedLia:
    """A LiaNetwork's weights prepared for `threads` threads; the network itself is not kept.

    Fine levels are computed in strips of about `strip` numbers. Of how many threads and in what
    strips changes nothing but rounding.
    """

    def __init__(self, network: LiaNetwork, threads: int = 1, *, strip: int = STRIP) -> None:
        bands = Bands(threads)
        self.config = network.config
        with torch.no_grad():
            self._encoder = FoldedEncoder(network.encoder, bands, strip)
            self._decoder = FoldedDecoder(network.decoder, bands, strip)
            self._motion = network.encoder.to_motion
            self._vectors_DK = network.basis.vectors.clone()

    @torch.inference_mode()
    def source(self, image_BCHW: Tensor) -> Source:
        """Everything that drawing needs of source pictures, usually of one."""
        latent, features = self._encoder(image_BCHW)
        coefficients = self._motion(latent)
        motion = coefficients @ self._vectors_DK.T
        return Source(latent, coefficients, motion, features, self._decoder.shares(features))

    @torch.inference_mode()
    def motion(self, image_BCHW: Tensor) -> Tensor:
        """Motion (B, D) of the faces in pictures."""
        coefficients_BK: Tensor = self._motion(self._encoder(image_BCHW).latent_BD)
        return coefficients_BK @ self._vectors_DK.T

    @torch.inference_mode()
    def decode(self, source: Source, motion_BD: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) of a source with these motions, about [-1, 1], unclamped."""
        shares = source.shares or self._decoder.shares(source.features)
        return self._decoder(source.latent_BD + motion_BD, source.features, shares)
