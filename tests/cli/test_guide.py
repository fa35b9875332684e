"""The pages of the guide: listed, printed, and refused by name."""

from holigrail_hw.cli.guide import FOLDER


def test_topics_are_listed(holigrail):
    answer = holigrail("guide")
    assert answer.status == 0
    topics = holigrail("guide", "--json").json["topics"]
    assert topics["limits"] == "Limits" and len(topics) == len([*FOLDER.glob("*.md")]) >= 10
    for topic, title in topics.items():
        assert f"{topic} " in answer.out and title in answer.out


def test_a_page_is_printed_as_it_is(holigrail):
    text = (FOLDER / "limits.md").read_text(encoding="utf-8")
    assert holigrail("guide", "limits").out == text
    shown = holigrail("guide", "limits", "--json").json
    assert (shown["topic"], shown["text"]) == ("limits", text)


def test_an_unknown_topic(holigrail):
    answer = holigrail("guide", "limit")
    assert answer.status == 2
    said = "error: guide: topic must be one of accelerator, adding-a-format, adding-an-operator, "
    assert answer.err.startswith(said)
    assert "not 'limit'\n  hint: `holigrail guide` lists them\n" in answer.err
