"""``holigrail cache``: list, verify or clear what is kept between runs."""

import argparse
import importlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.registry import operators
from holigrail_hw.core.store import kinds as cache_kinds
from holigrail_hw.core.store.folder import cache_folder
from holigrail_hw.ui.tables import pairs, table

from .arguments import read_options
from .options import one_of
from .session import Session, shown

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["configure", "main"]

_ACTIONS = ("list", "verify", "clear")
_WIDEST = 60


def main(words: list[str], session: Session) -> int:
    """Act on the kept files of one kind, or of all; exit status 1 if any was damaged."""
    options = read_options(words, session, configure)
    # Operators, explorations and measurements register what they keep when they are loaded.
    operators()
    for module in ("explore.sweep.kept", "synth.kept_placements"):
        importlib.import_module(f"holigrail_hw.flow.{module}")
    home = cache_folder()
    if home.exists() and not home.is_dir():
        raise RequestError(
            f"cache: the cache folder must be a folder, not the file {shown(home)}",
            hint="set HOLIGRAIL_CACHE to another folder",
        )
    try:
        return _act(options, session)
    except PermissionError as error:
        raise RequestError(
            f"cache: the cache folder must be readable and writable, not {error.filename}"
            f" ({error.strerror})",
            hint="set HOLIGRAIL_CACHE to a folder of your own",
        ) from None


def _act(options: argparse.Namespace, session: Session) -> int:
    known = [*cache_kinds.kinds(), cache_kinds.COMPILED]
    if options.kind is not None and options.kind not in known:
        raise RequestError(
            f"cache: kind must be one of {', '.join(known)}, not {options.kind!r}",
            hint="without --kind, all of them",
        )
    chosen = known if options.kind is None else [options.kind]
    if options.action == "clear":
        removed = {kind: cache_kinds.clear(kind) for kind in chosen}
        rows = [("folder", shown(cache_folder()))]
        rows += [(kind, f"{count} removed") for kind, count in removed.items()]
        result: dict[str, Any] = {"folder": cache_folder(), "removed": removed}
        return session.show(result, lambda console: pairs(console, rows))
    return _inspect(chosen, session, drops=options.action == "verify")


def _inspect(chosen: list[str], session: Session, *, drops: bool) -> int:
    """Read every entry completely; damaged ones are listed, and removed with ``drops``."""
    rows: list[dict[str, Any]] = []
    damaged: list[dict[str, str]] = []
    with session.progress() as progress:
        for kind in cache_kinds.kinds().values():
            for path in cache_kinds.entries(kind) if kind.name in chosen else ():
                progress(f"{len(rows)} entries checked")
                try:
                    size = cache_kinds.size_of(path)
                    rows.append({"kind": kind.name, **asdict(kind.read(path)), "bytes": size})
                except FileNotFoundError:
                    continue  # another process has just removed it
                except (ValueError, OSError) as error:
                    damaged.append({"kind": kind.name, "file": path.name, "reason": str(error)})
                    if drops:
                        kind.mend(path)
        result: dict[str, Any] = {"folder": cache_folder(), "entries": rows, "damaged": damaged}
        if cache_kinds.COMPILED in chosen:
            progress("compiled files checked")
            for path in cache_kinds.damaged_compiled():
                reason = "it is not what its digest says"
                damaged.append({"kind": cache_kinds.COMPILED, "file": path.name, "reason": reason})
                if drops:
                    path.unlink(missing_ok=True)
            found = cache_kinds.compiled()
            size = sum(map(cache_kinds.size_of, found))
            result["compiled"] = {"files": len(found), "bytes": size}
    return session.show(
        result, lambda console: _text(console, result, drops), status=int(bool(damaged))
    )


def _text(console: "Console", result: dict[str, Any], drops: bool) -> None:
    rows = [{**row, "problem": _short(row["problem"])} for row in result["entries"]]
    if rows:
        header = ("kind", "cost", "proved", "bound", "time (s)", "size (byte)", "problem")
        keys = ("kind", "cost", "proved", "bound", "seconds", "bytes", "problem")
        table(console, header, [[row[key] for key in keys] for row in rows])
        console.file.write("\n")
    lines: list[tuple[str, Any]] = [("folder", shown(result["folder"]))]
    lines.append(("entries", f"{len(rows)} good, {len(result['damaged'])} damaged"))
    if "compiled" in result:
        total = result["compiled"]
        lines.append(("compiled", f"{total['files']} files, {total['bytes'] / 1e6:.1f} MB"))
    pairs(console, lines)
    for row in result["damaged"]:
        fate = "removed" if drops else "`holigrail cache verify` removes it"
        console.file.write(f"damaged: {row['file']}: {row['reason']}; {fate}\n")


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this verb."""
    parser.add_argument(
        "action",
        nargs="?",
        type=one_of(_ACTIONS),
        default="list",
        help="list (default), verify (check every entry, remove damaged ones) or clear",
    )
    parser.add_argument("--kind", metavar="NAME", help="only this kind; all by default")
