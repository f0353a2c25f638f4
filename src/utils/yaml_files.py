"""Text of YAML files, checked before anything is built of it."""

from pathlib import Path

import yaml

from .reading import MEGABYTE, check_nesting, read_text
from .words import one_line

YAML_BYTES = 2 * MEGABYTE  # the protocol of 5,000 sequences
MOST_GROUPS = 100_000  # lists and groups, with what aliases repeat
DEEPEST = 50
# What PyYAML raises for values that their tag cannot have.
MISTAKES = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_yaml(path: Path, most_bytes: int = YAML_BYTES) -> tuple[object, str]:
    """The plain values in a YAML file, and its text.

    Raises FileNotFoundError, or ValueError naming the file: not YAML, too large, nested too deep,
    or short but with aliases that repeat each other without end.
    """
    text = read_text(path, "a YAML file", most_bytes)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = 0
        for event in yaml.parse(text, loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} levels deep")
        content = yaml.load(text, loader)
    except MISTAKES as error:
        raise ValueError(f"{path}: not YAML: {one_line(error, 200)}") from error
    check_nesting(content, str(path), DEEPEST, MOST_GROUPS)
    return content, text
