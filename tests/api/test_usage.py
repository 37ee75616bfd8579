import math

import pytest

from api.schemas.usage import Quota


@pytest.mark.parametrize(("most", "told"), [(math.inf, None), (20_000.0, 20_000)])
def test_a_quota_without_end_is_told_as_none(most: float, told: int | None) -> None:
    assert Quota.of(3, most) == Quota(used=3, limit=told)
