"""The moving average against its recurrence written out."""

import torch
from torch import nn

from photonvs.utils.ema import ExponentialMovingAverage


def module(value: float) -> nn.Linear:
    linear = nn.Linear(2, 3)
    nn.init.constant_(linear.weight, value)
    linear.bias.requires_grad_(False)
    return linear


def test_average_follows_the_published_ramp():
    linear = module(0.0)
    ema = ExponentialMovingAverage(linear, decay=0.5)
    expected = 0.0
    for update in range(1, 30):
        nn.init.constant_(linear.weight, float(update))
        ema.update(linear)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * update
    torch.testing.assert_close(
        ema.shadow_params[0], torch.full((3, 2), expected), rtol=1e-5, atol=0
    )
    assert len(ema.shadow_params) == 1, "frozen parameters are not averaged"


def test_averaged_weights_are_lent_only():
    linear = module(1.0)
    ema = ExponentialMovingAverage(linear, decay=0.9)
    nn.init.constant_(linear.weight, 5.0)
    with ema.applied_to(linear):
        assert (linear.weight == 1).all()
    assert (linear.weight == 5).all()


def test_state_round_trip():
    ema = ExponentialMovingAverage(module(1.0), decay=0.9)
    ema.update(module(2.0))
    other = ExponentialMovingAverage(module(7.0), decay=0.9)
    other.load_state_dict(ema.state_dict())
    assert other.num_updates == 1
    torch.testing.assert_close(other.shadow_params, ema.shadow_params, rtol=0, atol=0)
