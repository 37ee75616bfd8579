import pytest
import torch

from afgen.generator.guidance import Guidance, guided

NOTHING, AUDIO, USER = 1.0, 10.0, 100.0
VALUES = {(0, 0, 0): NOTHING, (1, 0, 0): AUDIO, (0, 1, 1): USER}


def guided_value(guidance: Guidance) -> tuple[float, int]:
    rows = guidance.rows()

    def velocity(x_BFD: torch.Tensor, time_F: torch.Tensor) -> torch.Tensor:
        per_row = torch.tensor([VALUES[row.keeps] for row in rows]).repeat(2)
        assert len(x_BFD) == len(per_row)
        return per_row[:, None, None] + 0 * x_BFD

    weight_G = torch.tensor([row.weight for row in rows])
    out = guided(velocity, weight_G)(torch.zeros(2, 10, 3), torch.zeros(10))
    assert out.shape == (2, 10, 3)
    assert out.unique().numel() == 1
    return float(out[0, 0, 0]), len(rows)


@pytest.mark.parametrize("a", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("u", [0.0, 0.5, 1.0])
def test_equation_of_the_paper(a: float, u: float) -> None:
    value, _ = guided_value(Guidance(a, u))
    assert value == pytest.approx(NOTHING + a * (AUDIO - NOTHING) + u * (USER - NOTHING))


@pytest.mark.parametrize(
    ("guidance", "rows"),
    [
        (Guidance(), 3),
        (Guidance(2.0, 0.0), 2),
        (Guidance(0.0, 2.0), 2),
        (Guidance(1.0, 0.0), 1),
        (Guidance(0.0, 0.0), 1),
        (Guidance(0.5, 0.5), 2),
    ],
)
def test_rows_of_weight_zero_are_not_evaluated(guidance: Guidance, rows: int) -> None:
    assert guided_value(guidance)[1] == rows
