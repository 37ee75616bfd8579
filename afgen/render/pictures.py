"""The second pass from takes to finished pictures: generation, drawing and writing side by side.

Generation runs in a thread of its own, and on a GPU drawing does too, on a stream of its own: while
one block is generated, another is drawn, a third copied and a fourth encoded.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext

import torch

from afgen.clock import BLOCK_FRAMES
from afgen.errors import AfgenError
from afgen.presets import Models
from afgen.render.ahead import ahead
from afgen.render.motion import Motion, perform
from afgen.render.settings import RenderSettings
from afgen.render.take import Take
from afgen.signals import Image, MotionBlock

# What comes of a take: the avatar's next picture, what it failed of, or None at its end.
Picture = Image | AfgenError | None


def film(
    takes: Iterable[Take], models: Models, settings: RenderSettings, *, rows: int = 1
) -> Generator[tuple[Take, Picture]]:
    """The avatar's pictures of all takes, whose sampling settings are those of `settings`.

    At most `rows` takes are under way at once, and their pictures come block by block.
    """
    sampler = models.sampler(
        settings.nfe,
        settings.guidance_audio,
        settings.guidance_user,
        first_window=settings.first_window,
        anchor=settings.anchor,
    )
    with closing(ahead(perform(sampler, takes, rows), depth=2 * rows)) as motion:
        if models.device.type == "cpu":
            yield from _draw(motion)
            return
        with closing(ahead(_draw_on(models.device, motion), depth=2 * BLOCK_FRAMES)) as drawn:
            yield from drawn


@contextmanager
def torch_threads(models: Models) -> Iterator[None]:
    """As many of torch's threads as the models want, in this thread and in those begun by it.

    A small network is faster on one thread than on two that wait for each other, and the last bits
    of what a network gives depend on their number.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(models.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _draw_on(
    device: torch.device, motion: Iterator[tuple[Take, Motion]]
) -> Iterator[tuple[Take, Picture]]:
    """To be run in a thread of its own, whose stream is then another than the generator's."""
    stream: AbstractContextManager[object] = nullcontext()
    if device.type == "cuda":
        own = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream = torch.cuda.stream(own)
    with stream:
        yield from _draw(motion)


def _draw(motion: Iterator[tuple[Take, Motion]]) -> Iterator[tuple[Take, Picture]]:
    for take, made in motion:
        if isinstance(made, MotionBlock):
            for image_HWC in take.watch.each("drawing", take.pictures(made)):
                yield take, image_HWC
        else:
            yield take, made
