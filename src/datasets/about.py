"""What files and folders of training data hold, in lines for people."""

from pathlib import Path

from ..utils.arrays import read_array
from .chunk_files import chunk_paths
from .chunks import ChunkIndex
from .latents import LatentCache
from .poses import PoseFile, load_poses


def poses_lines(path: Path) -> list[str]:
    """Of a poses.npy."""
    return ["camera paths (poses.npy)", *_sequences(load_poses(path))]


def latents_lines(folder: Path) -> list[str]:
    """Of a folder of latents."""
    cache = LatentCache(folder)
    absent = cache.absent_shards()
    there = [shard for shard in range(cache.shards) if shard not in absent]
    missing = sum(cache.missing(shard).total() for shard in there)
    state = f"{len(absent)} of {cache.shards} shards to go" if absent else "complete"
    lines = [
        "encoded frames (latents)",
        f"{int((cache.index['shard'] >= 0).sum())} of {len(cache.index)} sequences, "
        f"{cache.shards} shards, {state}",
    ]
    if there:
        shape = read_array(cache.path(there[0]), mapped=True).shape[1:]
        lines.append(f"latents of {' x '.join(map(str, shape))} numbers, half precision")
    made_with = str(cache.manifest.get("first_stage"))[:16]
    lines.append(f"first stage {made_with}…, precision {cache.manifest.get('precision')}")
    return [*lines, f"{missing} frames could not be read"]


def chunks_lines(folder: Path) -> list[str]:
    """Of a folder of chunks."""
    paths = chunk_paths(folder)
    size = sum(path.stat().st_size for path in paths) / 1e6
    index = ChunkIndex(folder)
    height, width = index.read(0, [0])[0].shape[:2]
    lines = [f"chunks of frames: {len(paths)} files, {size:.1f} MB, frames of {width} x {height}"]
    return [*lines, *_sequences(index.poses)]


def _sequences(poses: PoseFile) -> list[str]:
    lengths = poses.lengths()
    shortest, longest = int(lengths.min()), int(lengths.max())
    return [
        f"sequences: {len(poses)}, of {len(set(poses.videos()))} videos",
        f"poses: {int(lengths.sum())}, from {shortest} to {longest} a sequence",
    ]
