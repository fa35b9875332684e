"""Recipes: read back what was written, and one clear message for everything that is wrong."""

import pytest
from sample_operators import SAMPLES, Accumulate, MultiplyAdd

from holigrail_hw.core import RequestError, Timing
from holigrail_hw.core.registration import OPERATORS
from holigrail_hw.flow.emit import recipe


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for cls in SAMPLES:
        monkeypatch.setitem(OPERATORS, cls.name, cls)


@pytest.mark.parametrize(
    "spec, timing, board",
    [
        (MultiplyAdd(a_width=40), Timing(), None),
        (Accumulate(slow=True), Timing(period_ns=4.5, shell="stream"), "icebreaker"),
        (Accumulate(), Timing(latency=3), None),
        (Accumulate(), Timing(shell="wishbone", wait_cycles=0), None),
    ],
)
def test_round_trip(tmp_path, spec, timing, board):
    path = tmp_path / "one.toml"
    path.write_text(recipe.text(spec, timing, board))
    assert recipe.load(path) == (spec, timing, board)


def test_only_the_operator_is_needed(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text('operator = "test-accumulate"\n')
    assert recipe.load(path) == (Accumulate(), Timing(), None)


@pytest.mark.parametrize(
    ("name", "model"),
    [("ecp5-85k", "ecp5"), ("ecp5", "ecp5"), ("up5k", "ice40up5k"), ("gw1n-9c", "generic")],
)
def test_a_device_may_be_a_part(tmp_path, name, model):
    path = tmp_path / "one.toml"
    path.write_text(f'operator = "test-accumulate"\n[timing]\ndevice = "{name}"\n')
    assert recipe.load(path).timing == Timing(device=model)
    assert recipe.device(path) == name


class TestWrong:
    def test_no_such_device(self, tmp_path):
        found = self.load(tmp_path, 'operator = "test-accumulate"\n[timing]\ndevice = "z80"\n')
        assert len(found) == 1
        assert found[0].startswith("recipe FILE: timing: device must be one of generic, ice40up5k,")
        assert found[0].endswith("not 'z80'")

    def load(self, tmp_path, text: str) -> list[str]:
        path = tmp_path / "one.toml"
        path.write_text(text)
        with pytest.raises(RequestError) as caught:
            recipe.load(path)
        return str(caught.value).replace(str(path), "FILE").splitlines()

    def test_no_such_file(self, tmp_path):
        with pytest.raises(RequestError) as caught:
            recipe.load(tmp_path / "none.toml")
        assert str(caught.value).endswith("the file must be readable (No such file or directory)")
        assert caught.value.hint

    def test_a_folder(self, tmp_path):
        (tmp_path / "folder.toml").mkdir()
        with pytest.raises(RequestError, match="must be readable"):
            recipe.load(tmp_path / "folder.toml")

    def test_another_ending(self, tmp_path):
        with pytest.raises(RequestError, match=r"the file must be TOML with the ending \.toml"):
            recipe.load(tmp_path / "one.yaml")

    def test_no_toml(self, tmp_path):
        assert self.load(tmp_path, "operator = mac")[0].startswith(
            "recipe FILE: the file must be TOML, not broken (Invalid value"
        )

    def test_bytes_that_are_no_text(self, tmp_path):
        path = tmp_path / "one.toml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(RequestError, match="the file must be TOML, not broken"):
            recipe.load(path)

    def test_no_operator_and_an_unknown_key(self, tmp_path):
        assert self.load(tmp_path, "speed = 3") == [
            "recipe FILE: no key named 'speed'; there are summary, operator, name, parameters,"
            " timing, board",
            "recipe FILE: operator must be given, not missing",
        ]

    def test_parameters_and_timing_together(self, tmp_path):
        text = (
            'operator = "test-accumulate"\n[parameters]\nwidth = 1\ndepth = 3\n'
            '[timing]\nperiod_ns = "fast"\n'
        )
        lines = self.load(tmp_path, text)
        assert lines == [
            "recipe FILE: test-accumulate: width must be between 2 and 64, not 1"
            " (width of the sum)",
            "recipe FILE: test-accumulate: no parameter named 'depth'",
            "recipe FILE: timing: period_ns must be a number, not 'fast'",
        ]

    @pytest.mark.parametrize("text", ["board = 3", "[board]\nname = 3", "[board]\npin = 'a'"])
    def test_board(self, tmp_path, text):
        lines = self.load(tmp_path, f'operator = "test-accumulate"\n{text}')
        assert len(lines) == 1
        assert "[board] must hold a name and nothing else, not" in lines[0]

    def test_operator_of_another_kind(self, tmp_path):
        assert self.load(tmp_path, "operator = 3") == [
            "recipe FILE: operator must be a name in quotes, not 3"
        ]
        assert self.load(tmp_path, 'operator = "test-accumulate"\nparameters = 3') == [
            "recipe FILE: parameters must be a table, not 3"
        ]
