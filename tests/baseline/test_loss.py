import torch

from afgen.baseline.loss import dropped, window_loss, window_times
from afgen.baseline.model import WindowGenerator
from tests.baseline.small import CONFIG, motion, small_model, voices


def test_a_window_has_one_time_and_its_context_is_clean() -> None:
    generator = torch.Generator().manual_seed(0)
    time_BT = window_times(500, 3, 8, generator=generator)
    assert time_BT.shape == (500, 11)
    assert not time_BT[:, :3].any()
    assert torch.equal(time_BT[:, 3:], time_BT[:, 3:4].expand(-1, 8))
    assert abs(float(time_BT[:, 3].mean()) - 0.5) < 0.05
    assert float(time_BT[:, 3].std()) > 0.25  # uniform: 0.29


def test_noise_on_the_context_stays_below_its_bound_and_is_independent_of_the_window() -> None:
    generator = torch.Generator().manual_seed(0)
    time_BT = window_times(500, 3, 8, context_noise=0.2, generator=generator)
    assert 0.19 < float(time_BT[:, 0].max()) <= 0.2
    assert abs(float(torch.corrcoef(time_BT[:, [0, 3]].T)[0, 1])) < 0.1


class Told(WindowGenerator):
    """Answers with what it was fed, so that its loss has a closed form."""

    def forward(self, noisy_BTD, time_BT, reference_BD, voices, real_BT=None):
        self.time_BT, self.real_BT = time_BT, real_BT
        return torch.zeros_like(noisy_BTD)


def test_the_loss_is_of_the_windows_frames_alone() -> None:
    model = Told(CONFIG)
    begins_B = torch.tensor([True, False])
    generator = torch.Generator().manual_seed(3)
    loss = window_loss(model, motion(), motion()[:, 0], voices(), begins_B, generator=generator)
    generator = torch.Generator().manual_seed(3)
    window_times(2, CONFIG.context_frames, CONFIG.window_frames, generator=generator)
    noise_BTD = torch.randn(motion().shape, generator=generator)
    expected = (noise_BTD - motion())[:, CONFIG.context_frames :].abs().mean()
    torch.testing.assert_close(loss, expected)
    assert model.real_BT[0].tolist() == [False] * 4 + [True] * 20
    assert model.real_BT[1].all()


def test_the_loss_is_a_function_of_its_generator_and_reaches_every_weight() -> None:
    model = WindowGenerator(CONFIG)
    model.load_state_dict(small_model().state_dict())
    begins_B = torch.zeros(2, dtype=torch.bool)

    def loss() -> torch.Tensor:
        return window_loss(
            model,
            motion(),
            motion()[:, 0],
            voices(),
            begins_B,
            squared=True,
            difference_weight=1.0,
            generator=torch.Generator().manual_seed(7),
        )

    assert torch.equal(loss(), loss())
    loss().backward()
    silent = [name for name, one in model.named_parameters() if not one.grad.abs().sum() > 0]
    assert silent == []


def test_each_voice_and_the_reference_are_dropped_by_their_own_coin() -> None:
    generator = torch.Generator().manual_seed(0)
    given, rows = voices(frames=1, rows=4000), 4000
    kept, reference_BD = dropped(given, torch.ones(rows, 2), probability=0.1, generator=generator)
    keep_B3 = torch.cat((kept.present_B2, reference_BD[:, :1]), dim=1)
    assert ((keep_B3.mean(dim=0) - 0.9).abs() < 0.02).all()
    assert (torch.corrcoef(keep_B3.T) - torch.eye(3)).abs().max() < 0.05
    unchanged, same_BD = dropped(given, reference_BD, probability=0.0)
    assert torch.equal(unchanged.present_B2, given.present_B2)
    assert torch.equal(same_BD, reference_BD)
