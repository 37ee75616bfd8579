"""Carrying a source's feature map along a flow field, and blending it in.

Wang et al., "Latent Image Animator", ICLR 2022, section 3.3: a level predicts a flow and a mask;
the source's features are fetched along the flow, and the mask says how much of the result they
are. Shape letters: B rows, C channels, H and W pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)


def place(flow_BFHW: Tensor) -> tuple[Tensor, Tensor]:
    """Where to fetch each pixel from, (B, H, W, 2), and the mask (B, 1, H, W).

    The three channels are raw: x and y of the flow before tanh, in half sides, added to where the
    pixel is; the mask before the sigmoid. Pixels lie on -1 ... 1 with the corners at the ends.
    """
    y_H, x_W = (
        torch.linspace(-1, 1, pixels, device=flow_BFHW.device, dtype=flow_BFHW.dtype)
        for pixels in flow_BFHW.shape[2:]
    )
    y, x = torch.meshgrid(y_H, x_W, indexing="ij")
    here_HW2 = torch.stack((x, y), dim=-1)
    grid = torch.tanh(flow_BFHW[:, :2]).permute(0, 2, 3, 1) + here_HW2
    return grid, torch.sigmoid(flow_BFHW[:, 2:])


def fetch(features_BCHW: Tensor, grid_BHW2: Tensor) -> Tensor:
    """Bilinear samples (B, C, H, W), zeros from beyond the border; one source serves all rows.

    The sampling places its corners half a pixel off those of the grid, as the public networks were
    trained with.
    """
    shared = features_BCHW.expand(len(grid_BHW2), -1, -1, -1)
    return F.grid_sample(shared, grid_BHW2, padding_mode="zeros", align_corners=False)
