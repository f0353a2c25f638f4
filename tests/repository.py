"""Where the repository's files are, for tests that read them or run its scripts."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
SCRIPTS = ROOT / "src" / "scripts"
