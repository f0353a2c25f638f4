"""Damaged and hostile weights: the file before is taken, one line says why.

No size is believed, and nothing is read as other weights than were written.
"""

import json
import logging
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from mutated import judge, mutants
from safetensors.torch import save_file
from small_weights import CONFIG, VQGAN, refused, saved, training_checkpoint

from photonvs.models import build_denoiser, load_denoiser, load_first_stage, save_weights
from photonvs.models.about import weights_lines
from photonvs.models.first_stage import build_first_stage
from photonvs.models.places import find_checkpoint
from photonvs.utils.checkpoint import (
    FORMAT,
    checkpoint_name,
    load_newest_checkpoint,
    save_checkpoint,
)

# --- The newest checkpoint of a training is damaged ---


@pytest.fixture
def two(tmp_path) -> tuple[Path, Path]:
    """An older checkpoint and the newest one, of 80 kB."""
    paths = [tmp_path / "checkpoints" / checkpoint_name(0, step) for step in (1, 2)]
    for step, path in enumerate(paths, 1):
        content = {"format": FORMAT, "total_iterations": step, "score_sde_model": {}}
        save_checkpoint(path, content | {"x": torch.randn(10_000), "y": torch.randn(10_000)})
    return paths


def one_warning(caplog: pytest.LogCaptureFixture, path: Path) -> None:
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1 and str(path) in warnings[0].getMessage()
    caplog.clear()


def test_the_older_one_is_taken_whatever_the_length_of_the_newest(two, caplog):
    older, newest = two
    whole = newest.read_bytes()
    lengths = {
        *range(0, 300, 23),
        *range(300, len(whole), 1717),
        *range(len(whole) - 90, len(whole), 7),
    }
    assert len(lengths) > 70
    for length in sorted(lengths):
        newest.write_bytes(whole[:length])
        path, state = load_newest_checkpoint(older.parent)
        assert path == older and state["total_iterations"] == 1
        one_warning(caplog, newest)


@pytest.mark.parametrize(
    "find", [find_checkpoint, lambda folder: load_newest_checkpoint(folder / "checkpoints")[0]]
)
def test_a_changed_number_is_noticed(two, caplog, find):
    older, newest = two
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert find(older.parents[1]) == older
    one_warning(caplog, newest)


def test_files_without_checksums_are_read(two, tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        save_checkpoint(two[1], {"format": FORMAT, "total_iterations": 3})
    finally:
        torch.serialization.set_crc32_options(True)
    assert load_newest_checkpoint(two[1].parent)[0] == two[1]


def test_a_compressed_file_is_refused_with_the_way_out(tmp_path):
    path = saved(tmp_path / "x.pth", training_checkpoint())
    with zipfile.ZipFile(path) as source:
        content = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in content.items():
            target.writestr(name, part)
    refused(load_denoiser, path, "its content is compressed.* zip -0 -r")


def test_two_archives_in_one_file_are_refused(two):
    older, newest = two
    newest.write_bytes(newest.read_bytes() + older.read_bytes())
    assert load_newest_checkpoint(older.parent)[0] == older


# --- Sizes that a file asks for ---

HUGE = 10**9


def asking(section: str, **sizes: object) -> dict:
    settings = asdict(CONFIG)
    settings[section] |= sizes
    return settings


DEMANDS = [
    asking("denoiser", channels=HUGE),
    asking("denoiser", channels=10**400),
    asking("denoiser", ray_channels=[HUGE, HUGE]),
    asking("denoiser", residual_blocks=HUGE),
    asking("denoiser", channel_multipliers=[1] * 40, ray_channels=[1] * 40),
    asking("denoiser", latent_size=HUGE),
    asking("first_stage", image_size=HUGE, pixel_block=HUGE),
    asking("denoiser", channels="${oc.env:HOME}"),
]


def test_no_size_in_a_file_is_believed(tmp_path):
    """A few hundred bytes that ask for 10^9 channels."""
    for settings in DEMANDS:
        paths = [tmp_path / name for name in ("x.pth", "x.safetensors")]
        torch.save({"config": settings, "score_sde_model": {}}, paths[0])
        metadata = {"format": "1", "kind": "denoiser", "config": json.dumps(settings)}
        save_file({}, paths[1], metadata)
        for path in paths:
            (said,) = judge(lambda path: load_denoiser(path, "raw"), path, [path.read_bytes()])
            assert said.startswith(f"{path}: ")


@pytest.mark.parametrize(
    "sizes", [{"channels": 32 * HUGE}, {"codebook_size": HUGE}, {"residual_blocks": HUGE}]
)
def test_nor_one_of_a_first_stage(tmp_path, sizes):
    path, settings = tmp_path / "x.ckpt", asdict(VQGAN) | sizes
    torch.save({"config": {"first_stage": settings}, "state_dict": {}}, path)
    (said,) = judge(load_first_stage, path, [path.read_bytes()])
    assert said.startswith(f"{path}: ")


def test_one_number_cannot_stand_for_a_network(tmp_path):
    """Weights of the right shapes whose numbers all lie at one place."""
    state = build_denoiser(CONFIG).state_dict()
    state = {name: torch.zeros(1).expand(tensor.shape) for name, tensor in state.items()}
    content = training_checkpoint(score_sde_model=state, ema=None, optimizer=None)
    path = saved(tmp_path / "x.pth", content)
    refused(lambda path: load_denoiser(path, "raw"), path, "expected a file with all their numbers")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ("[" * 100_000, "the config in the metadata: not JSON"),
        ('{"denoiser": ' * 5000, "the config in the metadata: not JSON"),
        ("9" * 5000, "expected a dict, found float"),
    ],
)
def test_json_without_end_is_one_line(tmp_path, config, found):
    path = tmp_path / "x.safetensors"
    save_file({}, path, {"format": "1", "kind": "denoiser", "config": config})
    refused(load_denoiser, path, found)
    refused(weights_lines, path, "not a file of weights|expected a dict")


def test_metadata_of_other_types_is_one_line(tmp_path):
    for name, value in [
        ("total_iterations", "x"),
        ("format", torch.ones(2)),
        ("config", {"data": 3}),
    ]:
        path = saved(tmp_path / "x.pth", training_checkpoint(**{name: value}))
        try:
            weights_lines(path)
            load_denoiser(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


# --- Mutants ---


def weights_of(path: Path) -> dict[str, int]:
    """A checksum of each weight of the network in a file."""
    load = load_denoiser if "denoiser" in path.name else load_first_stage
    state = load(path).state_dict()
    return {name: zlib.crc32(tensor.numpy().tobytes()) for name, tensor in state.items()}


def write_denoiser_pth(path: Path) -> slice:
    torch.save(training_checkpoint(), path)
    start = path.read_bytes().index(b"data.pkl")
    return slice(start, start + 20_000)


def write_safetensors(path: Path) -> slice:
    kind = build_denoiser(CONFIG) if "denoiser" in path.name else build_first_stage(VQGAN)
    save_weights(path, kind)
    return slice(0, 8 + int.from_bytes(path.read_bytes()[:8], "little"))


def write_first_stage_ckpt(path: Path) -> slice:
    state = build_first_stage(VQGAN).state_dict()
    torch.save({"state_dict": state, "config": {"first_stage": asdict(VQGAN)}}, path)
    return slice(-20_000, None)  # the archive's directory


KINDS = {
    "denoiser.pth": write_denoiser_pth,
    "denoiser.safetensors": write_safetensors,
    "first-stage.safetensors": write_safetensors,
    "first-stage.ckpt": write_first_stage_ckpt,
}


@pytest.mark.parametrize("name", KINDS)
def test_mutants_are_the_same_weights_or_one_line(tmp_path, name):
    described = KINDS[name](tmp_path / name)
    whole, right = (tmp_path / name).read_bytes(), weights_of(tmp_path / name)
    found = judge(weights_of, tmp_path / name, mutants(whole, 36, seed=7, place=described))
    assert all(isinstance(one, str) or one == right for one in found)
    assert sum(isinstance(one, str) for one in found) > 24


def test_mutants_are_described_or_one_line(tmp_path):
    """`info` reads no numbers, so it may describe what is damaged there."""
    described = write_denoiser_pth(tmp_path / "x.pth")
    contents = mutants((tmp_path / "x.pth").read_bytes(), 36, seed=9, place=described)
    found = judge(weights_lines, tmp_path / "x.pth", contents)
    assert sum(isinstance(one, str) for one in found) > 12


def test_the_format_before_zip_has_no_checksum_but_one_line(tmp_path):
    torch.save(
        training_checkpoint(), tmp_path / "denoiser.pth", _use_new_zipfile_serialization=False
    )
    contents = mutants((tmp_path / "denoiser.pth").read_bytes(), 36, 11, slice(0, 4000))
    found = judge(weights_of, tmp_path / "denoiser.pth", contents)
    assert sum(isinstance(one, str) for one in found) > 12
