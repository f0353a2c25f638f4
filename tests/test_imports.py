"""What is imported when: nothing heavy before it is needed, and nothing from a higher layer."""

import json
import subprocess
import sys

from importlinter.cli import lint_imports
from repository import ROOT

# Each takes from a tenth of a second to seconds.
HEAVY = ("av", "cv2", "matplotlib", "pycolmap", "torch")
# Prints {what was run: what of HEAVY it was the first to import}.
PROGRAM = f"""
import contextlib, io, json, sys

def imported():
    new = set({HEAVY}) & set(sys.modules) - seen
    seen.update(new)
    return sorted(new)

seen = set()
import photonvs
found = {{"import photonvs": imported()}}
from photonvs.__main__ import main
from photonvs.commands import COMMANDS
for words in ([], *([name] for name in COMMANDS)):
    sys.argv = ["photonvs", *words, "--help"]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            main()
    except SystemExit as ended:
        assert not ended.code, ended.code
    assert printed.getvalue().startswith(" ".join(["usage: photonvs", *words])), printed.getvalue()
    found[" ".join([*sys.argv])] = imported()
print(json.dumps(found))
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 14
    assert {step: names for step, names in found.items() if names} == {}


def test_folders_import_only_from_lower_layers(capsys):
    settings = str(ROOT / "pyproject.toml")
    status = lint_imports(settings, no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out
