"""Board designs built once for all tests of the run, also with several workers."""

import fcntl
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core.timing import Timing
from holigrail_hw.flow.board import build
from holigrail_hw.flow.board.build import BuildResult
from holigrail_hw.formats import parse


def mac(**parameters):
    """An int8 MAC with a 32-bit accumulator."""
    formats = {"a": "int8", "b": "int8", "accumulator": "int32"}
    return Mac(**{name: parse(text) for name, text in formats.items()}, **parameters)


@dataclass(frozen=True)
class Built:
    """A design and the folder of its files."""

    spec: Mac
    result: BuildResult
    folder: Path

    @property
    def bitstream(self) -> Path:
        assert self.result.bitstream is not None
        return Path(self.result.bitstream)

    def copy_to(self, folder: Path) -> "Built":
        """The same files in a folder that a test may change."""
        shutil.copytree(self.folder, folder)

        def moved(path):
            return str(folder / Path(path).relative_to(self.folder))

        fields = dict(self.result.__dict__)
        for key in ("bitstream", "netlist", "constraints"):
            fields[key] = moved(fields[key])
        fields["logs"] = [moved(path) for path in fields["logs"]]
        return Built(self.spec, BuildResult(**fields), folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory, request):
    """Builds ``built(board, multiplier)``; the same request gives the same files."""
    root = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        root = root.parent

    def make(board: str, multiplier: str) -> Built:
        spec = mac(multiplier=multiplier)
        folder = root / f"built_{board}_{multiplier}"
        record = root / f"{folder.name}.json"
        with (root / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not record.exists():
                record.write_text(
                    json.dumps(build.run(spec, Timing(), board, folder, check=False).as_dict())
                )
        return Built(spec, BuildResult(**json.loads(record.read_text())), folder)

    return make
