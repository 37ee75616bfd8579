"""How fast an autoencoder takes a portrait in, encodes faces and draws frames.

Weights do not matter to speed, so random ones serve. Shape letters: B rows, T frames, D motion, N
landmarks.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.clock import BLOCK_FRAMES
from afgen.evaluate.speed.roofline import (
    Machine,
    Work,
    count_work,
    device_memory_mb,
    measure_machine,
    seconds_of,
)
from afgen.signals import FaceView, Floats, Portrait


@dataclass(frozen=True, slots=True)
class AutoencoderSpeed:
    """Medians: of a portrait taken in, of a face's frame encoded, of a frame decoded."""

    size: int
    identify_s: float
    encode_frame_s: float
    decode_frame_s: float
    decode_frame_cpu_s: float  # of all threads
    frames_per_s: float
    peak_memory_mb: float
    work: Work | None  # of one frame decoded; None where no network draws it
    machine: Machine
    roofline_s: float | None


def bench_autoencoder(
    autoencoder: MotionAutoencoder[Any, Any],
    portrait: Portrait,
    landmarks_N3: Floats,
    *,
    device: torch.device,
    drawn_by: LiaConfig | None = None,
    frames: int = 30,
) -> AutoencoderSpeed:
    """Time one portrait through an autoencoder. `drawn_by` is the network whose work is counted."""
    identity = autoencoder.identify(portrait)
    identify_s = seconds_of(lambda: autoencoder.identify(portrait), device)
    encode_s = _encoding_s(autoencoder, FaceView(0, portrait.image_HWC, landmarks_N3), frames)
    motion_TD = _random_motion(autoencoder.reference_motion(identity), frames + 2 * BLOCK_FRAMES)
    spent, size = _decoding_s(autoencoder, identity, motion_TD)
    decode_s = statistics.median(wall_s for wall_s, _ in spent)
    work = None if drawn_by is None else decoding_work(drawn_by)
    machine = measure_machine(device)
    return AutoencoderSpeed(
        size=size,
        identify_s=identify_s,
        encode_frame_s=encode_s,
        decode_frame_s=decode_s,
        decode_frame_cpu_s=statistics.median(cpu_s for _, cpu_s in spent),
        frames_per_s=1 / decode_s,
        peak_memory_mb=device_memory_mb(device),
        work=work,
        machine=machine,
        roofline_s=None if work is None else machine.least_s(work),
    )


def decoding_work(config: LiaConfig) -> Work:
    """Counted work of drawing one frame with the plain network."""
    with torch.device("meta"):
        network = LiaNetwork(config).requires_grad_(False)
        source = network.source(torch.empty(1, 3, config.size, config.size))
        motion_BD = torch.empty(1, config.latent_dim)
    return count_work(lambda: network.decode(source, motion_BD))


def _encoding_s(autoencoder: MotionAutoencoder[Any, Any], view: FaceView, frames: int) -> float:
    state, spent = None, []
    for _ in range(2 + frames // 3):
        began = time.perf_counter()
        _, state = autoencoder.encode(view, state)
        spent.append(time.perf_counter() - began)
    return statistics.median(spent[2:])


def _decoding_s(
    autoencoder: MotionAutoencoder[Any, Any], identity: Any, motion_TD: Floats
) -> tuple[list[tuple[float, float]], int]:
    """Seconds a frame of each block but the first two, and the pictures' side."""
    spent, side = [], 0
    for start in range(0, len(motion_TD), BLOCK_FRAMES):
        block = motion_TD[start : start + BLOCK_FRAMES]
        before, began = time.process_time(), time.perf_counter()
        for image_HWC in autoencoder.decode(identity, block):
            side = len(image_HWC)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - before
        spent.append((wall_s / len(block), cpu_s / len(block)))
    return spent[2:], side


def _random_motion(reference_D: Floats, frames: int) -> Floats:
    noise_TD = np.random.default_rng(0).standard_normal((frames, len(reference_D)), np.float32)
    moved_TD: Floats = reference_D + 0.1 * noise_TD
    return moved_TD
