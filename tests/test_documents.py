"""Every photonvs command in the documents has options that the command knows."""

import pytest
from documents import DOCUMENTS, photonvs_commands
from repository import ROOT

from photonvs.commands import COMMANDS, command_module
from photonvs.commands.options import load_settings

PRINTED = [
    pytest.param(name, arguments, id=f"{document.relative_to(ROOT)}: {name} {' '.join(arguments)}")
    for document in DOCUMENTS
    for name, arguments in photonvs_commands(document)
]


@pytest.mark.parametrize(("name", "arguments"), PRINTED)
def test_the_command_takes_these_options(name, arguments):
    options = command_module(name).parse(arguments)
    if hasattr(options, "settings"):
        load_settings(options)


def test_every_command_is_shown_in_some_document():
    assert {param.values[0] for param in PRINTED} == COMMANDS.keys()
