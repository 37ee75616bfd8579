import torch

from afgen.train.discriminator import Discriminator, DiscriminatorConfig, variety

CONFIG = DiscriminatorConfig(channels_times_pixels=256, max_channels=8)
BOXES = torch.tensor([[[0.2, 0.1, 0.8, 0.9], [0.3, 0.3, 0.7, 0.4], [0.4, 0.6, 0.6, 0.7]]])


def made(rows: int = 4) -> tuple[Discriminator, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return Discriminator(64, CONFIG), torch.randn(rows, 3, 64, 64), BOXES.expand(rows, -1, -1)


def test_six_verdicts_a_picture() -> None:
    discriminator, pictures, boxes = made()
    verdicts = discriminator(pictures, boxes)
    assert [tuple(each.shape) for each in verdicts] == [(4,)] * 6


def test_close_ups_see_their_region_alone() -> None:
    discriminator, pictures, boxes = made()
    changed = pictures.clone()
    changed[..., 48:, :] = 0.0  # below the lips
    before, after = discriminator(pictures, boxes), discriminator(changed, boxes)
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        assert torch.equal(one, other) == (number in (2, 3)), number  # the eyes' two judges


def test_the_penalty_is_the_mean_of_the_judges_own() -> None:
    discriminator, pictures, boxes = made()
    wanted = []
    judges = (discriminator.face, discriminator.eyes, discriminator.lips)
    for judge, view in zip(judges, discriminator.views(pictures, boxes), strict=True):
        for scale in range(2):
            at = view.detach().clone().requires_grad_()
            judge(at)[scale].sum().backward()
            assert at.grad is not None
            wanted.append(0.5 * at.grad.square().sum() / len(at))
    torch.testing.assert_close(discriminator.penalty(pictures, boxes), torch.stack(wanted).mean())


def test_the_penalty_teaches_every_judge() -> None:
    discriminator, pictures, boxes = made()
    discriminator.penalty(pictures, boxes).backward()  # type: ignore[no-untyped-call]
    for name, parameter in discriminator.named_parameters():
        if name.endswith("weight"):
            assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_variety_is_the_deviation_within_a_group() -> None:
    alike = torch.ones(4, 2, 4, 4)
    assert variety(alike).max() < 1e-3
    torch.testing.assert_close(
        variety(torch.tensor([1.0, -1.0, 1.0, -1.0]).view(4, 1, 1, 1).expand(4, 2, 4, 4)),
        torch.ones(4, 1, 4, 4),
    )
    assert variety(torch.randn(3, 2, 4, 4)).shape == (3, 1, 4, 4)
