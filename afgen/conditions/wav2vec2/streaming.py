"""Features of a voice that is still speaking: bounded past, bounded look-ahead.

Rows are made in hops of one block. A hop hears `look_ahead_frames` more of the voice, normalises
what is new by all that was heard so far, and sends it through the transformer together with the
`context_frames` before the hop; the rows of the hop are kept, the others are only its context.

The hops lie on fixed places of the recording, so rows do not depend on how many frames are asked
for at a time; sound beyond the look-ahead of a row's own hop never changes the row.

It differs from the whole utterance in three things: the statistics of normalisation grow while the
voice is heard, frames see less of the future, and less of the past. `afgen bench audio` measures
how much.

Shape letters: S samples, T frames, C channels, A features.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from afgen.clock import BLOCK_FRAMES, FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.conditions.wav2vec2.moments import Moments, quiet_speech
from afgen.conditions.wav2vec2.network import Wav2Vec2Network, frames_of
from afgen.signals import Floats, Samples

_OUTPUTS_PER_FRAME = 2  # of the convolutions


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingConfig:
    """What a hop sees, and what the statistics begin with.

    The beginning counts as `assumed_s` of speech of `assumed_level_db` against full scale: short,
    so that it soon gives way, and as loud as recordings of speech are, so that the noise before the
    first word is not taken for speech.
    """

    look_ahead_frames: int = BLOCK_FRAMES
    context_frames: int = 4 * FRAME_RATE_HZ
    hop_frames: int = BLOCK_FRAMES
    assumed_s: float = 0.3
    assumed_level_db: float = -20.0
    neighbour_correlation: float = 0.9  # of samples of speech at 16 kHz; measured: 0.90 to 0.98

    @property
    def window_frames(self) -> int:
        """Frames that go through the transformer together, at most."""
        return self.context_frames + self.hop_frames + self.look_ahead_frames


@dataclass(frozen=True, slots=True)
class StreamingState:
    """What the next hop needs of the past, and the rows of the last one.

    `heard_TC` are the outputs of the convolutions for the frames up to the last hop's look-ahead.
    """

    hops: int
    moments: Moments
    heard_TC: Tensor
    rows_TA: Floats


class StreamingWav2Vec2:
    """Implements `AudioFeatures`; rows depend on a bounded part of the recording."""

    def __init__(self, network: Wav2Vec2Network, config: StreamingConfig | None = None) -> None:
        self.network = network
        self.config = StreamingConfig() if config is None else config

    @property
    def audio_dim(self) -> int:
        """A, numbers per row."""
        return self.network.config.audio_dim

    @property
    def look_ahead_frames(self) -> int:
        """Frames beyond its hop that a row hears."""
        return self.config.look_ahead_frames

    def rows(
        self, audio_S: Samples, start_frame: int, frames: int, state: StreamingState | None = None
    ) -> tuple[Floats, StreamingState]:
        """Rows (T, A) of the frames from `start_frame` on, as `AudioFeatures` has it.

        The look-ahead ends where the voice does. Raises ValueError on frames behind its end, and
        where `state` is not that of the frames before.
        """
        hop_frames, end = self.config.hop_frames, start_frame + frames
        if end > frames_of(audio_S):
            raise ValueError(f"there is no frame {end - 1} in a voice of {frames_of(audio_S)}")
        if state is None:
            state = self._before(audio_S, start_frame // hop_frames)
        parts = [np.zeros((0, self.audio_dim), np.float32)]
        for hop in range(start_frame // hop_frames, -(-end // hop_frames)):
            if hop == state.hops:
                state = self._hop(audio_S, state)
            if hop != state.hops - 1:
                raise ValueError(f"frame {start_frame} does not follow on this state")
            first = hop * hop_frames
            parts.append(state.rows_TA[max(0, start_frame - first) : end - first])
        return np.concatenate(parts), state

    def _hop(self, audio_S: Samples, state: StreamingState) -> StreamingState:
        """The next hop."""
        config, first_frame = self.config, state.hops * self.config.hop_frames
        heard = self._hear(audio_S, state)
        context = min(first_frame, config.context_frames)
        kept = context + self._heard_before(audio_S, heard.hops) - first_frame
        kept_TC = heard.heard_TC[-kept:]
        window_TA = self.network.transform(kept_TC)
        rows_TA: Floats = window_TA[context : context + config.hop_frames].float().cpu().numpy()
        return StreamingState(heard.hops, heard.moments, kept_TC, rows_TA)

    def _hear(self, audio_S: Samples, state: StreamingState) -> StreamingState:
        """One hop further, without its rows."""
        start = self._heard_before(audio_S, state.hops)
        end = self._heard_before(audio_S, state.hops + 1)
        moments = state.moments.after(audio_S, end * SAMPLES_PER_FRAME)
        first, last = start * _OUTPUTS_PER_FRAME, (end - 1) * _OUTPUTS_PER_FRAME
        new_LC = self.network.convolve(audio_S, first, last + 1, moments)
        heard_TC = torch.cat((state.heard_TC, new_LC[::_OUTPUTS_PER_FRAME]))
        return StreamingState(state.hops + 1, moments, heard_TC, state.rows_TA)

    def _heard_before(self, audio_S: Samples, hop: int) -> int:
        """Frames that have been heard when all hops before this one are done."""
        if hop == 0:
            return 0
        ahead = hop * self.config.hop_frames + self.config.look_ahead_frames
        return min(ahead, frames_of(audio_S))

    def _before(self, audio_S: Samples, hop: int) -> StreamingState:
        """The state before a hop: statistics of all the past, features of the context only."""
        state = self._begin(audio_S)
        needed = hop * self.config.hop_frames - self.config.context_frames
        while state.hops < hop:
            end = self._heard_before(audio_S, state.hops + 1)
            if end > needed:
                state = self._hear(audio_S, state)
            else:
                moments = state.moments.after(audio_S, end * SAMPLES_PER_FRAME)
                state = replace(state, hops=state.hops + 1, moments=moments)
        return state

    def _begin(self, audio_S: Samples) -> StreamingState:
        config = self.config
        moments = quiet_speech(
            config.assumed_s, config.assumed_level_db, config.neighbour_correlation
        )
        nothing_TC = self.network.convolve(audio_S, 0, 0, moments)
        return StreamingState(0, moments, nothing_TC, np.zeros((0, self.audio_dim), np.float32))
