"""One option for several parameters: ``--format`` of ``dot-product`` is that of both factors."""

import pytest

from holigrail_hw.arith.dot_product.operator import DotProduct
from holigrail_hw.core.parameters import construct, overridden
from holigrail_hw.formats import parse


def test_one_name_gives_both_factors_their_format():
    given = {"format": "mxfp4_e2m1", "terms": "3"}
    block = parse("mxfp4_e2m1")
    assert construct(DotProduct, given, who="test") == DotProduct(a=block, b=block, terms=3)


def test_an_option_says_the_same_as_two(holigrail):
    joint = holigrail("info", "dot-product", "--format", "int4", "--json")
    apart = holigrail("info", "dot-product", "--a", "int4", "--b", "int4", "--json")
    assert joint.status == 0 and joint.json == apart.json


def test_it_may_override_a_recipe_but_not_what_is_given_beside_it(holigrail):
    given = overridden(DotProduct, {"a": "int3", "b": "int4"}, {"format": "fp16"}, who="test")
    assert given == {"a": "fp16", "b": "fp16"}
    answer = holigrail("info", "dot-product", "--format", "int4", "--b", "int3")
    assert answer.status == 2
    assert "dot-product: b must be given once, not again as " in answer.said


@pytest.mark.parametrize("verb", ["generate", "info", "verify"])
def test_the_help_has_it(verb, holigrail, capsys):
    with pytest.raises(SystemExit) as caught:
        holigrail(verb, "dot-product", "--help")
    assert caught.value.code == 0
    assert "the same for a and b" in capsys.readouterr().out
