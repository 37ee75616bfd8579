"""Which frames a frame may see, as a few integers.

Every attention mask of the model is one `Visibility`: limits on the distance between a query frame
q and a key frame k, counted in frames and in blocks, all of which must hold. The same limits decide
what a stream has to remember and how far it waits, so masks and caches cannot disagree.

Shape letters: Q query frames, K key frames.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Visibility:
    """Limits on what a query frame sees; None is no limit.

    ahead_blocks   k lies at most this many blocks after the block of q (0: never beyond its end)
    beyond_frames  k lies at most this many frames beyond the end of q's block
    ahead_frames   k <= q + ahead_frames
    behind_frames  k >= q - behind_frames
    past_frames    k >= first frame of q's block - past_frames: one window for a whole block, so
                   that a rolling cache of that size holds all that the block may see
    """

    ahead_blocks: int | None = None
    beyond_frames: int | None = None
    ahead_frames: int | None = None
    behind_frames: int | None = None
    past_frames: int | None = None

    def table(self, query_Q: Tensor, key_K: Tensor, block_frames: int) -> Tensor:
        """Boolean (Q, K), true where the query may see the key.

        Positions are integers, negative ones included; position 0 starts a block.
        """
        q, k = query_Q[:, None], key_K[None, :]
        block_of_q = torch.div(q, block_frames, rounding_mode="floor")
        block_of_k = torch.div(k, block_frames, rounding_mode="floor")
        seen = torch.ones(len(query_Q), len(key_K), dtype=torch.bool, device=q.device)
        if self.ahead_blocks is not None:
            seen &= block_of_k <= block_of_q + self.ahead_blocks
        if self.beyond_frames is not None:
            seen &= k < (block_of_q + 1) * block_frames + self.beyond_frames
        if self.ahead_frames is not None:
            seen &= k <= q + self.ahead_frames
        if self.behind_frames is not None:
            seen &= k >= q - self.behind_frames
        if self.past_frames is not None:
            seen &= k >= block_of_q * block_frames - self.past_frames
        return seen

    def memory_frames(self, overlap_frames: int = 0) -> int:
        """How many frames before the fed ones a stream has to remember.

        The first `overlap_frames` fed are the end of the block before. Where nothing limits the
        past, a stream sees only what it is fed, and this is 0.
        """
        limits = [] if self.past_frames is None else [self.past_frames - overlap_frames]
        if self.behind_frames is not None:
            limits.append(self.behind_frames)
        return max(min(limits, default=0), 0)

    def spill_frames(self, block_frames: int) -> int:
        """How many frames at the end of the past see into the next block.

        A stream feeds them again, because they were made without what they see there. Raises
        ValueError where a frame may see the whole future.
        """
        limits = []
        if self.ahead_frames is not None:
            limits.append(self.ahead_frames)
        if self.ahead_blocks is not None:
            limits.append(self.ahead_blocks * block_frames)
        if self.beyond_frames is not None:  # each frame of a block sees as far as its last one
            limits.append(-(-self.beyond_frames // block_frames) * block_frames)
        if not limits:
            raise ValueError("a frame that may see the whole future cannot be streamed")
        return min(limits)
