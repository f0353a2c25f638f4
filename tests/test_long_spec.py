"""A specification of very many poses, right or wrong, takes seconds."""

import time

import numpy as np
import pytest

from photonvs.cameras.conditioning import conditioning
from photonvs.cameras.spec import SamplingSpec

POSES = 60_000
ORDER, DEPENDENCIES = conditioning(POSES)
WITH_A_REPEAT = (*ORDER[:-1], ORDER[-2])


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (ORDER, ""),
        (WITH_A_REPEAT, "pose 59998 is listed more than once"),
        (ORDER[:9], r"pose 10, 11, 12, .*, 29 and 59970 more not in it and not given"),
    ],
)
def test_checking_takes_time_in_proportion_to_the_poses(order, message):
    poses = np.tile(np.eye(4), (POSES, 1, 1))
    started = time.process_time()
    if message:
        with pytest.raises(ValueError, match=message) as caught:
            SamplingSpec(0.9, poses, order, DEPENDENCIES)
        assert len(str(caught.value)) < 300
    else:
        assert SamplingSpec(0.9, poses, order, DEPENDENCIES).given == (0,)
    assert time.process_time() - started < 3  # seconds
