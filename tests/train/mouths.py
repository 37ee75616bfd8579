"""Made pictures of a face that moves and speaks, and the smallest networks to learn them with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from afgen.autoencoder.lia.config import LiaConfig
from afgen.data.faces import FramePair
from afgen.signals import Image
from afgen.train.autoencoder import AdversaryConfig, AutoencoderRecipe, PairsConfig
from afgen.train.discriminator import DiscriminatorConfig
from afgen.train.loop import LearningConfig, LoopConfig
from afgen.train.losses.reconstruction import ReconstructionWeights

SIZE = 64
REGIONS_R4 = np.array(
    [[0.2, 0.1, 0.8, 0.9], [0.3, 0.3, 0.7, 0.4], [0.38, 0.6, 0.62, 0.8]], np.float32
)


def face(open_: float, skin: tuple[int, int, int] = (200, 150, 130), aside: float = 0.0) -> Image:
    """A disc with two eyes and a mouth, `open_` in 0..1, `aside` in shares of the picture."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    x = x - aside
    picture = np.full((SIZE, SIZE, 3), 40, np.uint8)
    picture[((x - 0.5) / 0.3) ** 2 + ((y - 0.5) / 0.4) ** 2 < 1] = skin
    for eye in (0.37, 0.63):
        picture[((x - eye) / 0.05) ** 2 + ((y - 0.35) / 0.04) ** 2 < 1] = (30, 30, 60)
    height = 0.01 + 0.09 * open_
    picture[((x - 0.5) / 0.12) ** 2 + ((y - 0.7) / height) ** 2 < 1] = (90, 20, 30)
    return picture


@dataclass(frozen=True, slots=True)
class Mouths:
    """Clips of different skins; the mouth opens and closes while the head sways by `sway`."""

    clips: int = 3
    length: int = 8
    sway: float = 0.0

    @property
    def frames(self) -> Sequence[int]:
        return [self.length] * self.clips

    def pair(self, clip: int, source: int, target: int) -> FramePair:
        skin = (210 - 30 * clip, 160 - 20 * clip, 130 - 20 * clip)
        angles = [2 * np.pi * frame / self.length for frame in (source, target)]
        pictures = [
            face(0.5 - 0.5 * float(np.cos(angle)), skin, self.sway * float(np.sin(angle)))
            for angle in angles
        ]
        return FramePair(pictures[0], pictures[1], REGIONS_R4)


def tiny_recipe(steps: int = 40, begins: int = 1000) -> AutoencoderRecipe:
    learning = LearningConfig(
        learning_rate=4e-3, warmup_steps=5, betas=(0.5, 0.99), clip_norm=10.0, ema_decay=0.9
    )
    return AutoencoderRecipe(
        model=LiaConfig(size=SIZE, latent_dim=8, directions=3, max_channels=8),
        pairs=PairsConfig(rows=4, evaluated=6, colour=0.05),
        weights=ReconstructionWeights(perceptual=1.0, regions=20.0, gram=1.0, adversarial=0.1),
        adversary=AdversaryConfig(
            network=DiscriminatorConfig(channels_times_pixels=256, max_channels=8),
            begins=begins,
            r1_every=4,
        ),
        learning=learning,
        judging=learning,
        loop=LoopConfig(
            steps=steps,
            log_every=1,
            evaluate_every=steps // 2,
            sample_every=steps // 2,
            checkpoint_every=steps // 4,
        ),
    )
