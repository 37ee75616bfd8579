"""Running a kernel over rows of pixels: strips one after the other, bands side by side."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import torch
from torch import Tensor

from afgen.signals import Floats

STRIP: Final = 1 << 22  # numbers of a strip
_SMALL: Final = 1 << 17  # numbers; below it waking a thread costs more than it saves
_BANDS_A_THREAD: Final = 4


class Bands:
    """The caller's thread and `threads` - 1 others. Results do not depend on how many there are."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads - 1, "bands") if threads > 1 else None

    def run(self, kernel: Callable[..., None], like: Tensor, *arguments: object) -> None:
        """Call kernel(*arguments, start, end) for all rows of the pictures `like` (B, C, H, W)."""
        rows = like.shape[0] * like.shape[2]
        if self._pool is None or like.numel() < _SMALL:
            kernel(*arguments, 0, rows)
            return
        count = min(rows, self._threads * _BANDS_A_THREAD)
        bands = iter([(rows * at // count, rows * (at + 1) // count) for at in range(count)])

        def take() -> None:
            for start, end in bands:  # each thread goes on with the next one that is left
                kernel(*arguments, start, end)

        helpers = [self._pool.submit(take) for _ in range(self._threads - 1)]
        take()
        for helper in helpers:
            helper.result()


def last(x_BCHW: Tensor) -> Floats:
    """(B, H, W, C) for kernels: a view where the channels lie last in memory, else a copy."""
    array: Floats = x_BCHW.permute(0, 2, 3, 1).contiguous().numpy()
    return array


def empty(rows: int, channels: int, height: int, width: int) -> Tensor:
    """(B, C, H, W) to be written, channels last in memory.

    NumPy asks the system for huge pages, torch does not: touching new memory for the first time
    otherwise costs as much as the kernel that fills it.
    """
    memory_BHWC = np.empty((rows, height, width, channels), np.float32)
    return torch.from_numpy(memory_BHWC).permute(0, 3, 1, 2)


def strips(x_BCHW: Tensor, numbers: int) -> Iterator[tuple[int, int]]:
    """First row and end of strips of a picture, even ones, small enough to stay in a cache.

    Memory of that size is also kept by the process, where larger blocks are asked for anew.
    """
    height = x_BCHW.shape[2]
    strip = max(2, numbers // (x_BCHW[:, :, 0].numel() * 2) * 2)
    for top in range(0, height, strip):
        yield top, min(top + strip, height)
