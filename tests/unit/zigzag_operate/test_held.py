"""Whose data a body holds: by id and by the payload's values, however deep it is wrapped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zigzag_operate.held import Whose, held_in

ANN = {"customer": {"mail": "ann@example.com", "number": 7}, "tags": [{"name": "a"}, {"name": "b"}]}


def own(payload: Any, **more: Any) -> str:
    return json.dumps({"task": "pay", "id": "order-7", "payload": payload, **more})


FOLLOW_UPS = json.dumps({"follow_ups": [["https://sqs/next", "x", own(ANN)]], "was": "{}"})
ENVELOPE = json.dumps({"Type": "Notification", "Message": json.dumps(ANN)})


@pytest.mark.parametrize(
    ("body", "where", "fits"),
    [
        (own(ANN), {"customer.mail": "ann@example.com"}, True),
        (own(ANN), {"customer.number": "7"}, True),
        (own(ANN), {"customer.mail": "ann@example.com", "customer.number": "8"}, False),
        (own(ANN), {"tags.name": "b"}, True),
        (own(ANN), {"tags": "b"}, False),
        (own(ANN), {"mail": "ann@example.com"}, False),  # a path begins at the payload
        (own({}, customer=ANN), {"customer.customer.mail": "ann@example.com"}, False),  # outside of it
        (own({}, failed={"task": "pay", "payload": ANN}), {"customer.number": "7"}, True),
        (json.dumps(ANN), {"customer.number": "7"}, True),  # a raw body is the payload
        (own([{}, ANN]), {"customer.number": "7"}, True),  # refused, and a dead letter
        (json.dumps([ANN]), {"customer.number": "7"}, True),
        (own(["ann@example.com"]), {"payload": "ann@example.com"}, True),  # without a name of its own
        (ENVELOPE, {"customer.number": "7"}, True),
        (FOLLOW_UPS, {"customer.number": "7"}, True),
        ("no JSON", {"customer.number": "7"}, False),
        ("[" * 100_000, {"customer.number": "7"}, False),
    ],
)
def test_a_body_holds_a_value_of_a_payload(body: str, where: dict[str, str], fits: bool) -> None:
    whose = Whose(where=tuple(where.items()))

    assert any(map(whose.fits, held_in(body))) is fits


@pytest.mark.parametrize(
    ("whose", "fits"),
    [
        (Whose("order-7"), True),
        (Whose("order-8"), False),
        (Whose("order-7", task="pay"), True),
        (Whose("order-7", task="refund"), False),
        (Whose("order-7", (("customer.number", "8"),)), False),
        (Whose("of-the-message"), True),
    ],
)
def test_an_id_and_a_task_must_fit_as_well(whose: Whose, fits: bool) -> None:
    (held,) = held_in(own(ANN))

    assert whose.fits(held, frozenset({"of-the-message"})) is fits
