"""Build hook: in a wheel, boards/, testbenches/ and generators/ lie inside the package.

In a checkout they stay at the top; ``holigrail_hw/__init__.py`` makes both import the same way.
"""

from pathlib import Path

MAPPED = ("boards", "generators", "testbenches")


def pdm_build_update_files(context, files):
    """Add the mapped folders to a wheel; a source archive and an editable install keep them."""
    if context.target != "wheel":
        return
    root = Path(context.root)
    for folder in MAPPED:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"holigrail_hw/{path.relative_to(root).as_posix()}"] = path
