"""``holigrail generate``: write the Verilog of a design with everything that belongs to it."""

from ..flow import emit
from ..ui.tables import pairs
from .arguments import read_design
from .session import Session, shown

__all__ = ["main"]


def main(words: list[str], session: Session) -> int:
    """Write a folder with Verilog, manifest, self-checking bench with vectors, and core file."""
    _, design = read_design(words, session)
    folder = session.folder(design.top)
    with session.progress() as progress:
        progress(f"writing {design.top}")
        generated = emit.generate(design.spec, design.timing, folder, seed=session.seed)
    manifest = generated.manifest
    files = [str(path) for path in generated.files]
    result = {"folder": str(folder), "files": files, "manifest": manifest}
    rows = [
        ("top", manifest["top"]),
        ("latency (cycles)", manifest["latency"]),
        ("interval (cycles)", manifest["initiation_interval"]),
        *(("written", shown(name)) for name in files),
    ]
    return session.show(result, lambda console: pairs(console, rows))
