"""Rates and their exact division: frames, samples and blocks on one clock.

Every stage counts in whole frames of 25 Hz and whole samples of 16 kHz, so a position is an
integer everywhere and audio never drifts against video.
"""

FRAME_RATE_HZ = 25
SAMPLE_RATE_HZ = 16_000
BLOCK_FRAMES = 10  # B of the paper: frames generated together, 0.4 s


def _exact(numerator: int, denominator: int) -> int:
    quotient, remainder = divmod(numerator, denominator)
    if remainder:
        raise ValueError(f"{numerator} is not a multiple of {denominator}")
    return quotient


SAMPLES_PER_FRAME = _exact(SAMPLE_RATE_HZ, FRAME_RATE_HZ)  # 640
SAMPLES_PER_BLOCK = SAMPLES_PER_FRAME * BLOCK_FRAMES  # 6400


def frames_in(duration_s: float) -> int:
    """Whole frames that show `duration_s` seconds: round(duration x 25)."""
    return round(duration_s * FRAME_RATE_HZ)


def seconds_at(frame: int) -> float:
    """Presentation time of a frame in seconds: n / 25."""
    return frame / FRAME_RATE_HZ


def blocks_in(frames: int, block_frames: int = BLOCK_FRAMES) -> int:
    """Blocks needed to cover `frames`; the last may be partly used."""
    return -(-frames // block_frames)
