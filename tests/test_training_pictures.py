"""The pictures of a training in TensorBoard, with words beside their rows."""

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from photonvs.training.meter import Meter
from photonvs.training.pictures import STRIP, captioned
from photonvs.utils.distributed import Process

ROWS = ["given", "generated", "true"]


def test_a_caption_hides_nothing_and_tells_rows_apart():
    picture = torch.rand(3, 3 * 16, 4 * 16, generator=torch.Generator().manual_seed(0))
    sheet, (left, top) = captioned(picture, ROWS), STRIP
    tiles = sheet[:, top:, left:]
    assert tiles.shape == (3, 3 * 96, 4 * 96)  # each pixel six times
    torch.testing.assert_close(tiles[:, ::6, ::6], picture, atol=0.5 / 255 + 1e-6, rtol=0)
    words = sheet[:, top:, :left].chunk(3, dim=1)
    assert all(word.min() < 0.2 for word in words)
    assert not torch.equal(words[0], words[1]) and not torch.equal(words[1], words[2])
    assert sheet[:, :top, left:].min() < 0.2


def test_tensorboard_gets_it(tmp_path):
    meter = Meter(tmp_path, Process(torch.device("cpu")), 7, 56)
    meter.show({"samples/given_true": torch.zeros(3, 256, 128)})
    events = EventAccumulator(str(tmp_path)).Reload()
    (image,) = events.Images("samples/given_true")
    assert (image.step, image.width, image.height) == (7, 128 + STRIP[0], 256 + STRIP[1])
    assert np.frombuffer(image.encoded_image_string[:8], np.uint8)[1:4].tobytes() == b"PNG"
