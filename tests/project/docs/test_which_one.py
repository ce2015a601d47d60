"""Does docs/which-one.md tell the price, the delay and the loss of each way, and on whose word?"""

from __future__ import annotations

import re

from tests.project.docs.pages import ROOT, anchors, links, read

from zigzag_operate.cost.model import Measured, Setup, idle_month, idle_month_by_mapping, million_by_mapping

PAGE = read("docs/which-one.md")
README = read("README.md")
WAYS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
OTHERS = [way for way in WAYS if way != "Zigzag"]
ASKED = ["Price", "Delay", "Loss"]


def answers(way: str) -> dict[str, str]:
    return dict(re.findall(r"^- \*\*(\w+):\*\* (.+)$", WAYS[way], re.MULTILINE))


def test_each_way_says_when_to_take_it_and_answers_the_three_questions() -> None:
    assert [way for way, text in WAYS.items() if not text.strip().startswith("Take ")] == []
    assert {way: list(answers(way)) for way in WAYS} == dict.fromkeys(WAYS, ASKED)


def test_each_answer_of_others_has_a_page_behind_it() -> None:
    answered = [(way, asked, answer) for way in OTHERS for asked, answer in answers(way).items()]
    every_link = [link for way in OTHERS for link in links(WAYS[way])]

    assert [f"{way}: {asked}" for way, asked, answer in answered if not links(answer)] == []
    assert [
        link
        for link in every_link
        if not link.startswith(("https://", "performance.md#", "servers.md", "patterns/"))
    ] == []


def test_the_readme_names_the_same_ways_in_the_same_order() -> None:
    named = re.findall(r"^\| \[(.+?)\]\(docs/which-one\.md#([\w-]+)\) \| (.+) \|$", README, re.MULTILINE)

    assert [name for name, *_ in named] == OTHERS
    assert {anchor for _, anchor, _ in named} <= anchors(ROOT / "docs" / "which-one.md")
    prices = [(name, price) for name, _, row in named for price in re.findall(r"\$[\d.]+", row)]
    assert [one for one in prices if one[1] not in WAYS[one[0]]] == []
    assert {row.count("|") for *_, row in named} == {len(ASKED)}, "when, and an answer to each"


def test_zigzags_prices_are_those_of_the_cost_model() -> None:
    assert f"an idle month costs ${idle_month(Setup()).total:.2f}." in WAYS["Zigzag"]
    assert f"an idle month costs ${idle_month(Setup(watch_always=True)).total:.2f} (" in WAYS["Zigzag"]


def test_the_prices_of_a_mapping_are_those_of_the_cost_model() -> None:
    ten, one = (million_by_mapping(Setup(memory_mb=128), batch, 0.1, Measured()) for batch in (10, 1))
    text = WAYS["SQS event source mapping and Powertools"]

    assert f"${ten.before_logs:.2f} in batches of ten, ${one.before_logs:.2f} one by one" in text
    assert f"An idle month costs ${idle_month_by_mapping().total:.2f} with an alarm" in text
