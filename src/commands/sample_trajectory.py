"""The command sample-trajectory: the frames that a camera moving along a path sees."""

import argparse

from .options import (
    add_compile,
    add_device,
    add_instance_data,
    add_method,
    add_model,
    method_of,
    open_chosen,
    warn_of_wide_paths,
)


def main(arguments: list[str] | None = None) -> None:
    """Make the frames of each folder, and say where they are."""
    options = parse(arguments)
    from ..sampling.runs import open_runs
    from ..sampling.trajectory import sample_trajectory
    from ..utils.distributed import this_process

    method = method_of(options)
    numbers = range(options.runs) if options.run is None else [options.run]
    directories = [options.instance_data / name for name in options.output]
    opened = open_runs(directories, numbers)  # a mistake in the task shall not wait for the weights
    if options.preview:
        for run in opened:
            run.write_summary(options.fps, partial=True)
            print(f"{run.folder}: video.mp4, contact-sheet.png of the frames that are there")
        return
    model = open_chosen(options, options.instance_data)
    process = this_process(options.device)
    if process.leads:
        warn_of_wide_paths(model, opened)
    runs = sample_trajectory(
        directories,
        model.denoiser,
        model.first_stage,
        method,
        runs=numbers,
        batch_size=options.batch_size,
        frames_per_second=options.fps,
        weights=model.identity,
        process=process,
    )
    for run in runs:
        made = f"{len(run.made)} of {len(run.frames())} frames made now"
        done = made if run.made else "complete already, nothing to do"
        print(f"{run.folder}: {done}; images/, latents/, video.mp4, contact-sheet.png")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options, checked."""
    parser = argparse.ArgumentParser(
        description="Make the frames that a camera moving along a path sees, from one or more "
        "photos. The folder samples/ID holds sampling-spec.json (the cameras) and "
        "init-ims/NNNN.png (the given photos; NNNN is the pose's index). Photos may have any size: "
        "their centre square is used, and focal_y in the specification is a fraction of that "
        "square's height. Results go to samples/ID/samples/RUN/. Started again, the command goes "
        "on where it was stopped. Under torchrun its processes share the runs, each on its own GPU."
    )
    text = "folders to sample, relative to --instance-data"
    parser.add_argument("-o", "--output", nargs="+", required=True, metavar="samples/ID", help=text)
    which = parser.add_mutually_exclusive_group()
    text = "make runs 0 to N-1, different draws (default: 1)"
    which.add_argument("--runs", type=int, default=1, metavar="N", help=text)
    text = "make this run alone, say beside one with other settings"
    which.add_argument("--run", type=int, metavar="NUMBER", help=text)
    text = "frames a second of a newly written video.mp4 (default: 10)"
    parser.add_argument("--fps", type=float, default=10.0, metavar="N", help=text)
    text = "draw nothing: video and contact sheet of the frames that a stopped run has"
    parser.add_argument("--preview", action="store_true", help=text)
    add_method(parser)
    add_model(parser)
    add_device(parser)
    add_compile(parser)
    add_instance_data(parser)
    return parser.parse_args(arguments)
