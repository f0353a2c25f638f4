"""torch.compile of the score network: it can, frames stay the same, and its absence is said."""

from dataclasses import replace

import pytest
import torch
from sampling_task import CONFIG, latent_of, sample, write_task
from torch._dynamo.utils import counters

from photonvs.commands.sample_trajectory import main
from photonvs.models import Denoiser, build_denoiser, compiling, save_weights
from photonvs.models.compiling import compile_network


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch, tmp_path):
    """Nothing of other tests, in this process or on the disk."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    torch.compiler.reset()
    counters.clear()


def random_denoiser(device="cpu", config=CONFIG):
    """The same network each time, with no weights near nothing."""
    torch.manual_seed(0)
    denoiser = build_denoiser(config).eval()
    for parameter in denoiser.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return denoiser.to(device)


def test_the_network_is_one_graph_for_all_noise_levels(make_task):
    (plain,) = sample(make_task("plain"), denoiser=random_denoiser(), steps=3)
    denoiser = random_denoiser()
    # This backend calls torch's own operations, so that not a bit may differ.
    denoiser.score_model.compile(backend="eager", fullgraph=True)
    (compiled,) = sample(make_task("compiled"), denoiser=denoiser, steps=3)
    assert counters["stats"]["unique_graphs"] == 1
    assert torch.equal(latent_of(compiled, 4), latent_of(plain, 4))


def test_the_option_compiles_and_is_no_setting_of_the_run(monkeypatch, tmp_path):
    asked, task = [], write_task(tmp_path / "samples/a", (None, (0,), (1,)))
    monkeypatch.setattr(compiling, "compile_network", asked.append)
    save_weights(tmp_path / "tiny.safetensors", random_denoiser())
    words = f"-o samples/a --instance-data {tmp_path} --checkpoint {tmp_path}/tiny.safetensors"
    command = [*words.split(), "--steps", "2", "--device", "cpu"]
    main([*command, "--compile"])
    assert [type(one) for one in asked] == [Denoiser]
    (task / "samples/00000000/latents/0002.npy").unlink()
    main(command)  # goes on without it
    assert len(asked) == 1 and (task / "samples/00000000/latents/0002.npy").is_file()


def test_a_missing_compiler_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("/nowhere/c++",))
    with pytest.raises(ValueError, match=r"torch\.compile does not work here .*without --compile"):
        compile_network(random_denoiser())


@pytest.mark.slow
def test_compiled_frames_are_the_same_up_to_rounding(make_task):
    check_compiled(make_task, "cpu")


@pytest.mark.gpu
def test_frames_of_cuda_graphs_are_the_same_up_to_rounding(make_task, device):
    if device.type != "cuda":
        pytest.skip("a CPU has no CUDA graphs")
    check_compiled(make_task, "cuda")


def check_compiled(make_task, device):
    """Compare a path of two frames with and without compiling."""
    chain = (None, (0,), (1,))
    # One level, since compiling each takes long.
    level = {"channel_multipliers": [1], "attention_resolutions": [8], "ray_channels": [16]}
    config = replace(CONFIG, denoiser=replace(CONFIG.denoiser, **level))
    (plain,) = sample(make_task("plain", chain), denoiser=random_denoiser(device, config), steps=3)
    denoiser = random_denoiser(device, config)
    try:
        compile_network(denoiser)
    except ValueError as error:
        pytest.skip(str(error))
    (compiled,) = sample(make_task("compiled", chain), denoiser=denoiser, steps=3)
    assert counters["stats"]["unique_graphs"] == 2  # the trial's, and the network's
    torch.testing.assert_close(latent_of(compiled, 2), latent_of(plain, 2), rtol=1e-3, atol=1e-3)
