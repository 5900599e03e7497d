"""What broken clients send is what their names say."""

import numpy as np
import pytest

from fedsim.attacks.broken import inf, nan, zero


@pytest.mark.parametrize(("attack", "value"), [(zero, 0.0), (nan, np.nan), (inf, np.inf)])
def test_every_coordinate_is_the_constant(attack, value):
    np.testing.assert_array_equal(attack(2, np.ones(3, np.float32)), np.full((2, 3), value, np.float32))
