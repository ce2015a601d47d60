"""The demo's messages, each with the effect that proves it done."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import HttpUrl

from tasks.crawl_page import key_of
from zigzag_local.ledger import Ledger


@dataclass(frozen=True)
class Effects:
    """The tasks' effects so far, and the bodies of the dead letters."""

    mails: Counter[str]
    objects: set[str]
    pushes: Counter[str]
    dead: dict[str, str] = field(default_factory=dict)

    @classmethod
    def counted(cls, ledger: Ledger) -> "Effects":
        dead = {letter["body"]: str(letter.get("reason", "")) for letter in ledger.dead_letters()}
        return cls(ledger.mails(), ledger.objects(), ledger.pushes(), dead)


@dataclass(frozen=True)
class Sent:
    """A message of the demo: its row of the table, its body, and the effect that proves it done.

    mail, page, subscribers -- the effect; a message without one can only become a dead letter.
    """

    row: str
    body: str
    mail: str | None = None
    page: str | None = None
    subscribers: tuple[str, ...] = ()

    def is_done(self, effects: Effects) -> bool:
        if self.mail is not None:
            return effects.mails[self.mail] > 0
        if self.page is not None:
            return self.page in effects.objects
        return bool(self.subscribers) and all(effects.pushes[one] > 0 for one in self.subscribers)

    def is_dead(self, effects: Effects) -> bool:
        return self.body in effects.dead


def batch(site: str) -> list[Sent]:
    """Returns sixty-five messages: good, slow, failing, poison."""
    return [
        *(_mail(number) for number in range(15)),
        *(_push(number) for number in range(10)),
        *(_crawl("a page stored", f"{site}/good/{number}") for number in range(20)),
        *(_crawl("a slow page", f"{site}/slow/{number}") for number in range(5)),
        *(_crawl("a page that fails twice", f"{site}/flaky/{number}") for number in range(5)),
        *(_crawl("a page that is gone", f"{site}/gone/{number}") for number in range(5)),
        *_poison(),
    ]


def _mail(number: int) -> Sent:
    address = f"user-{number}@example.com"
    body = _body("send_welcome_mail", {"name": f"User {number}", "email": address})
    return Sent("a mail after sign-up", body, mail=address)


def _push(number: int) -> Sent:
    subscribers = tuple(f"subscriber-{number}-{one}" for one in range(12))
    body = _body("push_news", {"headline": f"News {number}", "subscribers": subscribers})
    return Sent("a bulk push to twelve", body, subscribers=subscribers)


def _crawl(row: str, url: str) -> Sent:
    return Sent(row, _body("crawl_page", {"url": url}), page=key_of(HttpUrl(url)))


def _poison() -> Iterator[Sent]:
    yield Sent("poison: not JSON", "hello, world")
    yield Sent("poison: no task", json.dumps({"payload": {"name": "world"}}))
    yield Sent("poison: a bad payload", _body("send_welcome_mail", {"name": "Ann", "email": "nowhere"}))
    yield Sent("poison: a payload that is a list", json.dumps({"task": "hello", "payload": [1, 2]}))
    yield Sent("poison: a task that is a number", json.dumps({"task": 42, "payload": {}}))


def _body(task: str, payload: dict[str, Any]) -> str:
    return json.dumps({"task": task, "payload": payload})
