"""Train the denoiser on frame pairs."""

try:
    from photonvs.commands import run
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"{missing}: first activate the environment: source .venv/bin/activate"
    ) from None

if __name__ == "__main__":
    run("train")
