"""Wrong requests: every message word for word, all violations at once, exit status 2."""

import importlib
import re

import pytest

from holigrail_hw.cli.arguments import read_design, read_request
from holigrail_hw.cli.main import VERBS
from holigrail_hw.cli.options import PARALLEL, SEEDED, WRITERS
from holigrail_hw.cli.session import Session
from holigrail_hw.core import operators

WRONG = [
    (
        ["info"],
        "error: info: an operator or a recipe must be given\n"
        "  hint: holigrail info OPERATOR; `holigrail list` shows all of them\n",
    ),
    (
        ["info", "multply"],
        "error: no operator named 'multply'\n"
        "  hint: did you mean 'multiply'? `holigrail list` shows all of them\n",
    ),
    (
        ["info", "mac", "--accumlator", "int32"],
        "error: info: no option named '--accumlator'\n"
        "  hint: did you mean --accumulator? --help shows the options\n",
    ),
    (
        ["info", "mac", "extra"],
        "error: info: every word must belong to an option, not 'extra'\n"
        "  hint: --help shows the options\n",
    ),
    (
        ["info", "mac", "--a", "fp8_e4m2"],
        "error: mac: a: no format named 'fp8_e4m2'\n"
        "  hint: did you mean 'fp8_e4m3'? `holigrail list formats` shows all of them\n",
    ),
    (
        ["info", "mac", "--a", "int0"],
        "error: mac: a: int0: width must be between 1 and 64, not 0\n",
    ),
    (
        ["info", "mac", "--products", "many"],
        "error: mac: products must be an integer, not 'many'\n",
    ),
    (
        ["info", "mac", "--period", "fast"],
        "error: info: --period: must be a number of ns, not 'fast'\n"
        "  hint: `holigrail info --help` shows the options\n",
    ),
    (
        ["info", "mac", "--period", "-1"],
        "error: timing: period must be a positive number of ns, not -1\n",
    ),
    (
        ["info", "mac", "--a"],
        "error: info: --a: must be given a value, not none\n"
        "  hint: `holigrail info --help` shows the options\n",
    ),
    (
        ["--seed"],
        "error: holigrail: --seed: must be given a value, not none\n"
        "  hint: `holigrail --help` shows the verbs and options\n",
    ),
    (
        ["info", "mac", "--period", "inf"],
        "error: timing: period must be a positive number of ns, not inf\n",
    ),
    (
        ["info", "mac", "--period", "5", "--latency", "3"],
        "error: timing: period and latency must not be given together\n",
    ),
    (
        ["info", "mac", "--shell", "fifo"],
        "error: timing: shell must be one of plain, stream, axi-stream, wishbone, not 'fifo'\n",
    ),
    (
        ["info", "mac", "--shell", "stream", "--wait-cycles", "9"],
        "error: timing: wait cycles must be given with the shell wishbone, not stream\n",
    ),
    (
        ["info", "mac", "--shell", "wishbone", "--wait-cycles", "1048576"],
        "error: timing: wait cycles must be between 0 and 1048575, not 1048576\n",
    ),
    (
        ["info", "mac", "--seed", "x"],
        "error: info: --seed: must be an integer, not 'x'\n"
        "  hint: `holigrail info --help` shows the options\n",
    ),
    (
        ["info", "mac", "--jobs", "0"],
        "error: info: -j/--jobs: must be 1 or more, not 0\n"
        "  hint: `holigrail info --help` shows the options\n",
    ),
    (
        ["list", "board"],
        "error: list: kind: must be one of operators, formats, recipes, boards, devices, "
        "not 'board'\n"
        "  hint: `holigrail list --help` shows the options\n",
    ),
    (
        ["build", "mac", "--board", "arty"],
        "error: timing: board must be one of icebreaker, tang_nano_9k, ulx3s, zcu104, not 'arty'\n",
    ),
    (
        ["build", "mac"],
        "error: build: a board must be given\n"
        "  hint: --board with one of icebreaker, tang_nano_9k, ulx3s, zcu104\n",
    ),
    (
        ["info", "missing.toml"],
        "error: recipe missing.toml: the file must be readable (No such file or directory)\n"
        "  hint: `holigrail list recipes` shows those that come with the package\n",
    ),
    (
        ["simulate", "mac", "--value", "q=1"],
        "error: mac: --value must name an operand (a, b, clear, enable), not 'q'\n",
    ),
    (
        ["simulate", "mac", "--value", "a=one", "--value", "b=0x100"],
        "error: mac: a: a value must be a number or a code such as 0x3c, not 'one'\n"
        "error: mac: b: a code must have at most 8 bits, not 0x100\n",
    ),
    (
        ["simulate", "mac", "--value", "a=0xzz"],
        "error: mac: a: a value must be a number or a code such as 0x3c, not '0xzz'\n",
    ),
    (
        ["simulate", "mac", "--value", "a=1,2,3", "--value", "b=1,2"],
        "error: mac: every --value list must have one length, not a has 3, b has 2\n",
    ),
    (
        ["explore", "recipe.toml"],
        "error: recipe recipe.toml: the file must be readable (No such file or directory)\n"
        "  hint: `holigrail list recipes` shows those that come with the package\n",
    ),
    (
        ["generate", "mac", "-o", "/dev/null/here"],
        "error: generate: the output folder must be writable, not /dev/null/here "
        "(Not a directory)\n  hint: choose another one with -o\n",
    ),
    (
        ["explore", "mac", "--a", "int4,int5", "-o", "here"],
        "error: explore: -o must be given where files are written, not without --synth, --plot and"
        " --page\n"
        "  hint: --plot writes pictures, --page a page, --synth the files of every design\n",
    ),
    (
        ["explore", "mac", "--a", "int4,int5", "--name", "one"],
        "error: explore: --name must be given for one design, not for many\n"
        "  hint: `holigrail generate` and `holigrail synth` work on one\n",
    ),
    (
        ["generate", "mac", "--bench", "vhdl"],
        "error: generate: --bench: must be one of verilog, cocotb, not 'vhdl'\n"
        "  hint: `holigrail generate --help` shows the options\n",
    ),
    (
        ["generate", "mac", "--name", "Entity", "--latency", "70"],
        "error: timing: latency must be between 0 and 64 cycles, not 70\n"
        "error: timing: the name of a module must be no word of Verilog, SystemVerilog or VHDL,"
        " not 'Entity'\n",
    ),
    *(
        (
            ["generate", "mac", f"--name={name}"],
            "error: timing: the name of a module must be letters, digits and single '_', a letter"
            f" first, not {name!r}\n",
        )
        for name in ("a_", "9a", "a__b", "a b", "../x", "", "ä")
    ),
    (
        ["generate", "mac", "--name", "a" * 129],
        "error: timing: the name of a module must have at most 128 letters, not 129\n",
    ),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_message(holigrail, tmp_path, words, message):
    answer = holigrail(*words)
    assert answer.said == message
    assert (answer.status, answer.out) == (2, "")
    assert [*tmp_path.iterdir()] == []


WITHOUT_FILES = ["info mac", "simulate mac", "verify mac", "prove mac", "mutate mac"]
WITHOUT_FILES += ["list", "guide", "cache", "completion", "doctor"]


WITHOUT_CHANCE = ["info mac", "prove mac", "list", "guide", "cache", "completion", "doctor"]
ALONE = [*WITHOUT_FILES, "generate mac", "synth mac", "build mac", "flash mac", "report mac"]
MEANINGLESS = [
    *((words, "--seed", "makes random choices") for words in WITHOUT_CHANCE),
    *((words, option, "runs several processes") for words in ALONE for option in ["-j", "--jobs"]),
]


@pytest.mark.parametrize("words, option, does", MEANINGLESS)
def test_no_seed_and_no_processes_where_they_mean_nothing(holigrail, words, option, does):
    """Their default, too: who writes it expects something of it."""
    verb = words.split()[0]
    answer = holigrail(*words.split(), option, "1")
    short = "-j" if option == "--jobs" else option
    assert answer.err.startswith(
        f"error: {verb}: {short} must be given to a verb that {does}, not to this one\n"
        "  hint: one of "
    )
    assert (answer.status, answer.out) == (2, "")


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_what_a_verb_takes(holigrail, capsys, verb):
    with pytest.raises(SystemExit):
        holigrail(verb, "--help")
    out = capsys.readouterr().out
    for option, verbs in (("-o DIR", WRITERS), ("--seed N", SEEDED), ("-j N", PARALLEL)):
        assert (re.search(rf"^ +{option}", out, re.M) is not None) == (verb in verbs)


@pytest.mark.parametrize("words", WITHOUT_FILES)
@pytest.mark.parametrize("option", ["-o here", "--output=here"])
def test_no_folder_for_verbs_that_write_none(holigrail, tmp_path, words, option):
    verb = words.split()[0]
    for answer in (
        holigrail(*words.split(), *option.split()),
        holigrail(*option.split(), *words.split()),
    ):
        assert answer.err == (
            f"error: {verb}: -o must be given to a verb that writes files, not to this one\n"
            "  hint: one of generate, train, certify, synth, build, flash, explore, report\n"
        )
        assert (answer.status, answer.out) == (2, "")
    assert [*tmp_path.iterdir()] == []


def test_every_verb_takes_a_folder_or_refuses_it(capsys):
    refusing = {words.split()[0] for words in WITHOUT_FILES}
    assert refusing == set(VERBS) - set(WRITERS)
    for verb in VERBS:
        with pytest.raises(SystemExit):
            importlib.import_module(f"holigrail_hw.cli.{verb}").main(
                ["--help"], Session("", verb=verb)
            )
        assert ("--output" in capsys.readouterr().out) == (verb in WRITERS)


def test_all_violations_come_together(holigrail):
    words = ["--a", "int99", "--rounding", "best", "--products", "x", "--latency", "70"]
    answer = holigrail("info", "mac", "--spd", "3", *words)
    assert answer.status == 2
    assert answer.err.splitlines()[:5] == [
        "error: info: no option named '--spd'",
        "error: mac: a: int99: width must be between 1 and 64, not 99",
        "error: mac: products must be an integer, not 'x'",
        "error: mac: rounding must be one of nearest_even, nearest_away, toward_zero, up, down, "
        "to_odd, stochastic, stochastic_b, stochastic_c, not best",
        "error: timing: latency must be between 0 and 64 cycles, not 70",
    ]


def test_unknown_device_lists_the_known(holigrail):
    answer = holigrail("info", "mac", "--device", "virtex")
    assert answer.status == 2
    assert answer.err.startswith("error: timing: device must be one of generic, ice40up5k,")
    assert answer.said.endswith("not 'virtex'\n")


def test_a_product_that_does_not_fit(holigrail):
    answer = holigrail("info", "mac", "--accumulator", "int8", "--overflow", "saturate")
    assert answer.status == 2
    assert answer.err.startswith("error: mac: accumulator must hold every product of int8 x int8")


OWN = """\
operator = "mac"
[parameters]
a = "int8"
b = "int5"
[timing]
latency = 2
device = "ecp5"
"""


def _given(answer, *names):
    values = {row["name"]: row["value"] for row in answer.json["parameters"]}
    return [values[name] for name in names]


def test_the_command_line_overrides_a_recipe(holigrail, tmp_path):
    """Parameter by parameter, and the clock; what is not given stays as the recipe says."""
    (tmp_path / "own.toml").write_text(OWN)
    plain = holigrail("info", "own.toml", "--json")
    assert _given(plain, "a", "b") == ["int8", "int5"]
    assert plain.json["timing"][-1]["latency"] == 2 and plain.json["device"] == "ecp5"
    answer = holigrail("info", "own.toml", "--a", "int4", "--json")
    assert _given(answer, "a", "b") == ["int4", "int5"]
    assert answer.json["timing"][-1]["latency"] == 2 and answer.json["device"] == "ecp5"
    words = ("--accumulator", "int40", "--latency", "3", "--device", "ice40up5k", "--json")
    answer = holigrail("info", "own.toml", *words)
    assert _given(answer, "a", "accumulator") == ["int8", "int40"]
    assert answer.json["timing"][-1]["latency"] == 3 and answer.json["device"] == "ice40up5k"
    whole = ("--a", "int4", "--b", "int5", "--latency", "2", "--device", "ecp5", "--json")
    answer = holigrail("info", "own.toml", "--a", "int4", "--json")
    assert holigrail("info", "mac", *whole).json["top"] == answer.json["top"]


def test_the_board_of_a_recipe_is_overridden(holigrail, tmp_path):
    (tmp_path / "own.toml").write_text(OWN + '[board]\nname = "icebreaker"\n')
    answer = holigrail("build", "own.toml", "--board", "none-such")
    assert answer.status == 2 and "'none-such'" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--quotient", "int4"), "error: info: no option named '--quotient'"),
        (("--a", "int4x"), "error: recipe own.toml: mac: a: "),
    ],
)
def test_what_a_recipe_does_not_take(holigrail, tmp_path, words, message):
    (tmp_path / "own.toml").write_text(OWN)
    answer = holigrail("info", "own.toml", *words)
    assert answer.status == 2 and answer.err.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("operator = ", "error: recipe own.toml: the file must be TOML, not broken"),
        ("speed = 3\n", "error: recipe own.toml: no key named 'speed'"),
        ('operator = "mac"\n[parameters]\nq = "int8"\n', "error: recipe own.toml: "),
        (
            'operator = "mac"\n[timing]\nperiod_ns = -3.0\n',
            "error: recipe own.toml: timing: period must",
        ),
    ],
)
def test_a_corrupt_recipe(holigrail, tmp_path, text, message):
    (tmp_path / "own.toml").write_text(text)
    answer = holigrail("info", "own.toml")
    assert answer.status == 2 and answer.out == ""
    assert answer.err.startswith(message)


@pytest.mark.parametrize("name", [*operators()])
def test_no_parameter_hides_an_option_of_a_verb(name):
    for verb in [
        verb for verb in VERBS if verb not in ("list", "cache", "guide", "completion", "doctor")
    ]:
        module = importlib.import_module(f"holigrail_hw.cli.{verb}")
        configure = getattr(module, "configure", None)
        request = read_request([name], Session("", verb=verb), configure)
        assert request.cls is operators()[name]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ecp5", "ecp5-85k, Lattice ECP5 LFE5U-85F, speed grade 6"),
        ("up5k", "ice40up5k, Lattice iCE40 UltraPlus UP5K"),
        ("ecp5-25k", None),
    ],
)
def test_the_part_behind_a_short_name_is_said(holigrail, tmp_path, name, part):
    recipe = tmp_path / "one.toml"
    recipe.write_text(f'operator = "compare"\n[timing]\ndevice = "{name}"\n')
    said = f"timing: device {name} is taken as {part}\n" if part else ""
    assert holigrail("info", "compare", "--device", name).err == said
    assert holigrail("info", str(recipe)).err == said
    assert holigrail("explore", "compare", "--device", name).err == said
    assert holigrail("info", str(recipe), "-q").err == ""


def test_a_recipe_is_for_the_part_it_names(tmp_path):
    recipe = tmp_path / "one.toml"
    for name, part in (("ecp5-25k", "ecp5-25k"), ("ecp5", "ecp5-85k")):
        recipe.write_text(f'operator = "compare"\n[timing]\ndevice = "{name}"\n')
        _, design = read_design([str(recipe)], Session("holigrail synth", verb="synth"))
        assert (design.device, design.timing.device) == (part, "ecp5")
