"""Benches run in folders of their own, and find a model that was named from the user's folder."""

import json
from pathlib import Path

import pytest

from holigrail_hw.core import find
from holigrail_hw.flow.board.linked import LinkBench
from holigrail_hw.flow.emit import manifest
from holigrail_hw.flow.verify import verify
from holigrail_hw.models import shipped


@pytest.fixture
def network(tmp_path, monkeypatch):
    (tmp_path / "mine.json").write_bytes(shipped.path("example").read_bytes())
    monkeypatch.chdir(tmp_path)
    return find("network")(model="mine.json", style="parallel", iterations=0)


def test_the_bench_of_a_serial_line_finds_the_model(network, tmp_path, monkeypatch):
    bench = LinkBench(network, 1, 5, 4, "clock", "rx", "tx")
    job = json.loads(bench.environment()["LINK_JOB"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    given = job["operator"], job["parameters"], {}
    again, _ = manifest.rebuild(*given, who="bench", folder=Path(job["folder"]))
    assert again == network
    with pytest.raises(ValueError, match=r"bench: network: model must be a readable file"):
        manifest.rebuild(*given, who="bench")


@pytest.mark.heavy
@pytest.mark.cocotb
def test_the_bench_of_verify_finds_the_model(network):
    assert verify.run(network, levels=["cocotb"], simulator="verilator", count=20).vectors >= 20
