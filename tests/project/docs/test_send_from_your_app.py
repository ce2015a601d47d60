"""docs/send-from-your-app.md: both applications answer a request, and their messages are on the queue."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.project.docs.pages import ROOT, blocks, read
from tests.support import QUEUE_URL, World

from zigzag.send import sending_to
from zigzag_testing.memory_queue import MemoryQueue

FASTAPI, DJANGO = (block.text for block in blocks(read("docs/send-from-your-app.md"), "python"))
ORDER = {"number": "A-7", "items": {"pear": 1}}

SHOP = """
import json, sys
import django
from django.conf import settings
from django.db import transaction
from django.test import RequestFactory

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
from tests.support import QUEUE_URL, World
from zigzag.send import sending_to
from zigzag_testing.memory_queue import MemoryQueue

code, order = json.load(sys.stdin)
views = {"__name__": "views"}
exec(compile(code, "docs/send-from-your-app.md", "exec"), views)

def sent(rolled_back):
    queue = MemoryQueue(World().clock, QUEUE_URL)
    with sending_to(queue):
        try:
            with transaction.atomic():
                answer = views["order"](RequestFactory().post("/", json.dumps(order), "application/json"))
                assert len(queue) == 0
                if rolled_back:
                    raise LookupError
        except LookupError:
            pass
    return [answer.status_code, [json.loads(one.body) for one in queue.messages]]

print(json.dumps([sent(False), sent(True)]))
"""


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def test_the_fastapi_application_sends_what_it_was_asked_for(world: World) -> None:
    names: dict[str, Any] = {"__name__": "fastapi_app"}
    exec(compile(FASTAPI, "docs/send-from-your-app.md", "exec"), names)  # noqa: S102 -- our own page
    queue = MemoryQueue(world.clock, QUEUE_URL)

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.post("/orders", json=ORDER)

    with sending_to(queue):
        answer = asyncio.run(post())

    (message,) = queue.messages
    assert (answer.status_code, json.loads(message.body)) == (
        202,
        {"task": "take_order", "id": "order-A-7", "payload": ORDER},
    )


def test_the_django_view_sends_once_the_transaction_is_committed_and_nothing_if_it_is_rolled_back() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SHOP],
        input=json.dumps([DJANGO, ORDER]),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": "src:tools:.", "PATH": ""},
        timeout=60,
    )

    assert run.returncode == 0, run.stderr
    committed, rolled_back = json.loads(run.stdout)
    assert committed == [202, [{"task": "take_order", "id": "order-A-7", "payload": ORDER}]]
    assert rolled_back == [202, []]
