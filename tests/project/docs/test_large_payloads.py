"""Is docs/patterns/large-payloads.md right: does its task run, are its sizes and prices those of the code?"""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from tests.project.docs.pages import blocks, read

from zigzag.extra.pointers import CLASS, most_bytes
from zigzag_testing import Sandbox

PAGE = read("docs/patterns/large-payloads.md")
PUT, GET, GB_MONTH = 0.005 / 1_000, 0.0004 / 1_000, 0.023


@pytest.mark.filterwarnings("ignore")
def test_its_task_takes_a_book_that_fits_no_message() -> None:
    names: dict[str, Any] = {"__name__": "count_words"}
    exec(compile(blocks(PAGE, "python")[0].text, "docs/patterns", "exec"), names)  # noqa: S102 -- our own page
    task, text = names["count_words"], "word " * 600_000

    with Sandbox({"count_words": task}, large_payloads=True) as sandbox:
        task.send(names["Text"](text=text))
        (content,) = ((sandbox.objects and sandbox.objects.contents) or {}).values()
        sandbox.run()

    assert [report.outcome for report in sandbox.reports] == ["succeeded"]
    assert f"… {len(content)} …" in PAGE


def test_it_sets_a_parameter_and_writes_the_pointer_that_is_read() -> None:
    name, value = tomllib.loads(blocks(PAGE, "toml")[0].text)["parameter_overrides"].split("=")

    assert (name, value) == ("LargePayloads", "true")
    assert f'["{CLASS}", {{"s3BucketName"' in PAGE


def test_its_sizes_are_those_that_a_worker_reads() -> None:
    memory, most = (
        [int(cell.replace(",", "")) for cell in re.findall(r"\| ([\d,]+) ", row)]
        for row in re.findall(r"^\| (?:`WorkerMemory`|most bytes) (.+)$", PAGE, re.MULTILINE)
    )

    assert most == [most_bytes(mb) for mb in memory]


def test_its_prices_are_the_products_that_it_shows() -> None:
    told = [float(price) for price in re.findall(r"= +\$ *([\d.]+)$", PAGE, re.MULTILINE)]

    assert told == pytest.approx([1_000_000 * PUT, 1_000_000 * GET, 3_000 * 2 * GB_MONTH])
