"""Names of options: those of a verb and those of an operator stand beside each other."""

import importlib

import pytest

from holigrail_hw.cli.main import VERBS
from holigrail_hw.cli.parsing import parser_of
from holigrail_hw.cli.session import Session
from holigrail_hw.core import find, operators

# Verbs with options of their own.
DESIGNS = [
    verb
    for verb in VERBS
    if hasattr(importlib.import_module(f"holigrail_hw.cli.{verb}"), "configure")
]


@pytest.mark.parametrize("verb", DESIGNS)
def test_no_parameter_has_the_name_of_an_option(verb):
    """Argparse refuses a second option of a name, whichever operator it is for."""
    configure = importlib.import_module(f"holigrail_hw.cli.{verb}").configure
    for name in operators():
        parser_of(Session(command=verb, verb=verb), configure, find(name))
