"""A client of boto's is made with the function's variables, and no other thread notices."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from shared.aws.identity import Identity
from shared.aws.s3_objects import S3Objects

OWNERS = ("one", "another")


class Session:
    """Makes a client only once another thread has looked around."""

    making, looked = threading.Event(), threading.Event()

    def client(self, service: str) -> tuple[str, Mapping[str, str]]:
        self.making.set()
        self.looked.wait(5)
        return os.environ["OF"], os.environ  # boto keeps it as well


def test_other_threads_keep_the_environment_while_two_make_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF", "a task")
    monkeypatch.setenv("SET", "")
    before, functions = os.environ, [Identity({"OF": of}) for of in OWNERS]

    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(function.client, Session, "s3") for function in functions]
        Session.making.wait(5)
        found = {"OF": "another"} | os.environ
        os.environ |= {"SET": "by the task"}
        Session.looked.set()

    assert [(of, kept["OF"]) for of, kept in (one.result() for one in made)] == [(of, of) for of in OWNERS]
    assert found["OF"] == "a task"
    assert os.environ is before
    assert os.environ["SET"] == "by the task"


def test_a_session_makes_one_client_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    free, events = threading.Semaphore(1), SimpleNamespace(register=lambda *_: None)

    def client(*_: Any, **__: Any) -> Any:
        assert free.acquire(blocking=False)
        threading.Event().wait(0.02)
        free.release()
        return SimpleNamespace(meta=SimpleNamespace(events=events))

    monkeypatch.setattr(boto3, "client", client)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(S3Objects, ["bucket"] * 4))) == 4
