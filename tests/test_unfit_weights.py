"""Weights that do not fit, or lack something: one line says what was found and expected."""

import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import save_file
from small_weights import CONFIG, VQGAN, refused, saved, training_checkpoint

from photonvs.models import (
    build_denoiser,
    build_first_stage,
    load_denoiser,
    load_first_stage,
    save_weights,
)


def without(state: dict, name: str) -> dict:
    return {key: value for key, value in state.items() if key != name}


NAME = "score_model.input_conv.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["score_sde_model"].pop(NAME), f"1 missing weights, the first {NAME}"),
        (
            lambda c: c["score_sde_model"].update(extra=torch.zeros(1)),
            "1 unexpected weights, the first extra",
        ),
        (
            lambda c: c["score_sde_model"].update({NAME: torch.zeros(8, 4, 3, 3)}),
            rf"weight {NAME} has shape \[8, 4, 3, 3\], expected \[8, 12, 3, 3\]",
        ),
        (lambda c: c["score_sde_model"].update({NAME: 5}), "expected names and tensors"),
        (lambda c: c.update(score_sde_model=[1]), "expected names and tensors"),
        (lambda c: c.update(format=2), "checkpoint format 2; this version reads format 1"),
        (lambda c: c["config"]["denoiser"].update(speed=1), "speed"),
        (
            lambda c: c["config"]["denoiser"].update(latent_size=7),
            "latent_size 7: expected a multiple of 2",
        ),
        (lambda c: c.update(config="small"), "settings: expected a dict, found str"),
        (
            lambda c: c.pop("score_sde_model"),
            "expected a checkpoint with score_sde_model, found the keys config, ema, epoch",
        ),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, change, message):
    content = training_checkpoint()
    change(content)
    refused(lambda path: load_denoiser(path, "raw"), saved(tmp_path / "x.pth", content), message)


@pytest.mark.parametrize(
    "ema", [None, {}, {"shadow_params": []}, {"shadow_params": torch.zeros(3)}]
)
def test_a_file_without_moving_averages(tmp_path, ema):
    path = saved(tmp_path / "x.pth", training_checkpoint(ema=ema))
    refused(load_denoiser, path, 'no EMA weights; load with weights="raw"')
    load_denoiser(path, weights="raw")


def test_moving_averages_that_do_not_fit(tmp_path):
    content = training_checkpoint()
    count = len(content["ema"]["shadow_params"])
    first = content["ema"]["shadow_params"].pop(0)
    path = saved(tmp_path / "x.pth", content)
    refused(
        load_denoiser,
        path,
        rf"{count - 1} EMA weights \(shadow_params\), the model in its config has {count}",
    )
    content["ema"]["shadow_params"].insert(0, first[:-1])
    refused(
        load_denoiser, saved(path, content), "weight score_model.temb_modules.1.weight has shape"
    )


def test_a_published_file_of_another_size(tmp_path):
    content = training_checkpoint(config=None, format=None)
    refused(load_denoiser, saved(tmp_path / "x.pth", content), r"\d+ (missing|EMA) weights")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_missing_and_damaged_files(tmp_path, name):
    path = tmp_path / name
    for load in (load_denoiser, load_first_stage):
        with pytest.raises(FileNotFoundError, match=name):
            load(path)
    if name == "x.pth":
        saved(path, training_checkpoint())
    else:
        save_weights(path, build_denoiser(CONFIG))
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:3],
        b"",
        b"<html>Too many downloads</html>",
        bytes(range(256)),
    ):
        path.write_bytes(damaged)
        refused(load_denoiser, path, "not a (checkpoint|safetensors file), or a damaged one")
        refused(load_first_stage, path, "not a (checkpoint|safetensors file), or a damaged one")


def test_other_content(tmp_path):
    refused(
        load_denoiser,
        saved(tmp_path / "x.pth", [1, 2]),
        r"expected a checkpoint \(a dict\), found list",
    )
    refused(
        load_first_stage,
        saved(tmp_path / "x.pth", {1: 2}),
        r"with state_dict, found the keys \(none\)",
    )
    with pytest.raises(ValueError, match="weights 'best': expected ema or raw"):
        load_denoiser(tmp_path / "x.pth", weights="best")
    with pytest.raises(ValueError, match="give a name that ends so"):
        save_weights(tmp_path / "x.pth", build_first_stage(VQGAN))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "metadata format None; expected '1'"),
        ({"format": "2", "kind": "denoiser"}, "metadata format '2'"),
        (
            {"format": "1", "kind": "first_stage"},
            r"no denoiser, but 'first_stage'; give it to load_first_stage",
        ),
        ({"format": "1", "kind": "denoiser"}, "the config in the metadata: not JSON"),
        ({"format": "1", "kind": "denoiser", "config": "[]"}, "settings: expected a dict"),
        (
            {"format": "1", "kind": "denoiser", "config": json.dumps(asdict(CONFIG))},
            "missing weights",
        ),
    ],
)
def test_safetensors_that_do_not_fit(tmp_path, metadata, message):
    save_file({"x": torch.zeros(2)}, tmp_path / "x.safetensors", metadata)
    refused(load_denoiser, tmp_path / "x.safetensors", message)
