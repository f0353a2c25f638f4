import pytest
import torch
from seeded import published, reference, seeded_tensor

from photonvs.config import FirstStageConfig
from photonvs.models import build_first_stage, load_first_stage
from photonvs.models.first_stage import Codebook

SMALL = FirstStageConfig(
    image_size=32,
    channels=32,
    channel_multipliers=[1, 2, 1],
    residual_blocks=1,
    latent_channels=3,
    codebook_size=50,
)


@pytest.fixture(scope="module")
def published_first_stage(published_ckpt):
    return load_first_stage(published_ckpt)


def close_to_reference(found: torch.Tensor, name: str) -> None:
    expected = torch.from_numpy(reference()[name])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * expected.abs().max().item())
    assert (found - expected).norm() / expected.norm() < 1e-4


def test_the_published_first_stage(published_first_stage):
    rows = [
        (name, list(tensor.shape)) for name, tensor in published_first_stage.state_dict().items()
    ]
    assert rows == [(name, shape) for name, shape, _ in published("first_stage")]
    image = torch.tanh(seeded_tensor("image", (1, 3, 256, 256)).cumsum(-1).cumsum(-2) / 64)
    with torch.no_grad():
        latent = published_first_stage.encode(image)
        close_to_reference(latent, "latent")
        codes = published_first_stage.quantize.indices(latent)[0]
        assert torch.equal(codes, torch.from_numpy(reference()["codebook_indices"]).long())
        close_to_reference(published_first_stage.decode(latent)[..., ::8, ::8], "decoded_strided")


def test_encoder_and_decoder_are_those_of_taming_transformers():
    model = pytest.importorskip(
        "taming.modules.diffusionmodules.model", reason="taming-transformers is not installed"
    )
    settings = {
        "ch": SMALL.channels,
        "out_ch": 3,
        "ch_mult": tuple(SMALL.channel_multipliers),
        "num_res_blocks": SMALL.residual_blocks,
        "attn_resolutions": [],
        "in_channels": 3,
        "resolution": SMALL.image_size,
        "z_channels": SMALL.latent_channels,
    }
    encoder, decoder = model.Encoder(double_z=False, **settings), model.Decoder(**settings)
    ours = build_first_stage(SMALL)
    for part in (encoder, decoder):
        for parameter in part.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    ours.encoder.load_state_dict(encoder.state_dict())
    ours.decoder.load_state_dict(decoder.state_dict())
    images, latents = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours.encoder(images), encoder(images), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.decoder(latents), decoder(latents), rtol=1e-4, atol=1e-4)


def test_decoding_goes_through_the_nearest_code():
    stage = build_first_stage(SMALL).eval()
    torch.nn.init.normal_(stage.quantize.embedding.weight)
    latents = torch.randn(2, 3, 8, 8)
    codes = stage.quantize.embedding.weight
    distances = (latents.movedim(1, -1)[..., None, :] - codes).square().sum(-1)
    assert torch.equal(stage.quantize.indices(latents), distances.argmin(-1))
    quantized = stage.quantize(latents)
    torch.testing.assert_close(quantized[1, :, 2, 3], codes[distances[1, 2, 3].argmin()])
    torch.testing.assert_close(stage.decode(latents), stage.decode(quantized), rtol=1e-4, atol=1e-5)
    assert stage.decode(latents).shape == (2, 3, 32, 32)


def test_a_code_is_its_own_nearest():
    codebook = Codebook(20, 4)
    codes = codebook.embedding.weight[:16].T.reshape(1, 4, 4, 4)
    assert torch.equal(codebook.indices(codes).flatten(), torch.arange(16))


def test_encoding_ends_before_quantization():
    stage = build_first_stage(SMALL)
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    latents = stage.encode(images)
    assert latents.shape == (2, 3, 8, 8)
    torch.testing.assert_close(latents, stage.quant_conv(stage.encoder(images)))
    latents.sum().backward()
    assert stage.encoder.conv_in.weight.grad.any()


@pytest.mark.parametrize("block", [1, 2, 4])
def test_pixels_are_moved_and_moved_back(block):
    config = FirstStageConfig(kind="pixels", image_size=16, pixel_block=block)
    stage = build_first_stage(config)
    images = torch.rand(2, 3, 16, 16) * 2 - 1
    latents = stage.encode(images)
    assert latents.shape[1:] == config.latent_shape
    torch.testing.assert_close(stage.decode(latents), images, rtol=0, atol=0)
    assert stage.decode(3 * latents).abs().max() == 1
    assert not list(stage.parameters())
    assert stage.config == config


def test_latent_shape_of_the_published_first_stage():
    assert FirstStageConfig().latent_shape == (4, 32, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "vae"}, "first_stage.kind 'vae': expected one of vqgan, pixels"),
        ({"channels": 48}, r"first_stage.channels 48 .*: expected multiples of 32"),
        ({"channel_multipliers": []}, "expected multiples of 32"),
        ({"image_size": 60}, "first_stage.image_size 60: expected a multiple of 8"),
        ({"image_size": 0}, "first_stage.image_size 0"),
        ({"codebook_size": 0}, "first_stage.codebook_size 0: expected a number above 0"),
        (
            {"kind": "pixels", "pixel_block": 3},
            "first_stage.image_size 256: expected a multiple of 3",
        ),
        ({"kind": "pixels", "pixel_block": 0}, "pixel_block 0: expected a number above 0"),
    ],
)
def test_settings_that_fit_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FirstStageConfig(**changes)
