"""The position-wise network of a transformer block."""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)


class MLP(nn.Module):
    """Two linear layers with a GELU (tanh form) between them; last dimension stays."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`."""
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))  # type: ignore[no-any-return]
