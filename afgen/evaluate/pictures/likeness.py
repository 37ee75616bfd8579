"""How alike two pictures are: PSNR and SSIM, as functions of arrays."""

import numpy as np
from skimage.metrics import structural_similarity

from afgen.signals import Image


def squared_error(one_HWC: Image, other_HWC: Image) -> float:
    """Mean squared difference, in squared steps of 8 bits."""
    return float(np.square(one_HWC.astype(np.float64) - other_HWC.astype(np.float64)).mean())


def decibels(error: float) -> float:
    """Peak signal to noise ratio of a mean squared error, dB; infinite without error."""
    return float(10 * np.log10(255.0**2 / error)) if error > 0 else float("inf")


def psnr(one_HWC: Image, other_HWC: Image) -> float:
    """Peak signal to noise ratio of two pictures, dB."""
    return decibels(squared_error(one_HWC, other_HWC))


def ssim(one_HWC: Image, other_HWC: Image) -> float:
    """Structural similarity, -1..1, mean over channels.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    TIP 13 (2004), with its Gaussian window.
    """
    return float(
        structural_similarity(
            one_HWC, other_HWC, channel_axis=2, gaussian_weights=True, data_range=255
        )
    )
