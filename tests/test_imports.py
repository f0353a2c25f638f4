"""What is imported when: nothing heavy before it is needed, and nothing from a higher layer."""

import json
import subprocess
import sys

from importlinter.cli import lint_imports
from repository import ROOT

# Importing one of these takes from a tenth of a second to seconds. Here it is an error.
PROGRAM = """
import contextlib, io, json, sys, traceback

sys.modules.update(dict.fromkeys(["av", "cv2", "matplotlib", "pycolmap", "torch"]))
from photonvs.__main__ import main
from photonvs.commands import COMMANDS

found = {}
for words in (["photonvs"], *(["photonvs", name] for name in COMMANDS)):
    sys.argv, printed = [*words, "--help"], io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            main()
    except SystemExit as ended:
        said = "" if not ended.code else str(ended.code)
    except ImportError as error:
        said = f"{traceback.extract_tb(error.__traceback__)[-1].filename}: {error}"
    usage = printed.getvalue().startswith(" ".join(["usage:", *words]))
    found[" ".join(words)] = said or ("" if usage else "no usage")
print(json.dumps(found))
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) > 14
    wrong = {command: said for command, said in found.items() if said}
    assert not wrong, "\n".join(f"{command} --help: {said}" for command, said in wrong.items())


def test_folders_import_only_from_lower_layers(capsys, monkeypatch):
    # Its own settings of logging would silence the loggers of all tests that follow.
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    settings = str(ROOT / "pyproject.toml")
    status = lint_imports(settings, no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out
