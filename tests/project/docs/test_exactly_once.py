"""docs/patterns/exactly-once.md: its task, with expressions as moto judges them, and workers that die."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse
from tests.project.docs.pages import blocks, read

from zigzag_testing import Sandbox
from zigzag_testing.transactions import Transactions

PAGE = read("docs/patterns/exactly-once.md")
MODULE = blocks(PAGE, "python")[0].text
TABLE: dict[str, Any] = yaml_parse(blocks(PAGE, "yaml")[0].text)["AccountTable"]["Properties"]


@mock_aws
def test_each_amount_is_booked_once_though_workers_die(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("ACCOUNT_TABLE", "accounts")
    client = boto3.client("dynamodb")
    client.create_table(TableName="accounts", **TABLE)
    page: dict[str, Any] = {"__name__": "book"}
    exec(compile(MODULE, "docs/patterns/exactly-once.md", "exec"), page)  # noqa: S102 -- our own page

    faults = {"crash before a call": 0.1, "crash after a call": 0.1, "call's answer lost": 0.3}
    with Sandbox({"book": page["book"]}, faults=faults) as sandbox:
        transactions = Transactions(sandbox, client)
        page["dynamodb"] = lambda: transactions
        for number in range(20):
            page["book"].send({"account": "ann", "cents": number}, id=f"booking-{number}")
        sandbox.run()

    item = transactions.get_item(TableName="accounts", Key={"id": {"S": "ann"}})["Item"]
    assert item["cents"] == {"N": str(sum(range(20)))}
    assert sandbox.dead_letters == []
