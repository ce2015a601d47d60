"""The `Gates` port on the DynamoDB table of the records.

A read is consistent: it has all changes that were made before it began
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.aws.dynamodb_items import attributes
from shared.aws.dynamodb_records import KEY
from shared.aws.gate_items import GateItems, failed, key_of
from shared.aws.transport import AnsweredError, CallError, understood
from shared.ports.auto import CUT, FASTEST, REFUSED, SLOWEST, TOOK, Auto, Cut
from shared.ports.breaker import DEFAULT_TRIP, LONGEST, QUIET_SECONDS, TRIP
from shared.ports.gates import BURST, EVERY, NEXT, Gate, GatesError, Rate, Taking, gate_of

TOLD_SECONDS = 5.0
"""Most time to tell the breaker something: the message of the task has to be settled after it."""

_OF_RATES = (EVERY, BURST, SLOWEST, FASTEST, NEXT, REFUSED, CUT, TOOK)
_FEW = "(size(#failing) < #trip OR (attribute_not_exists(#trip) AND size(#failing) < :trip))"
_MINE = "(attribute_not_exists(#rev) OR #rev = :rev) AND attribute_not_exists(#paused)"


class DynamoDbGates(GateItems):
    """The gates in the table of that name, called through `transport`."""

    async def read(self, queues: Sequence[str]) -> dict[str, Gate]:
        keys = {key_of(queue): queue for queue in queues}
        wanted = {"Keys": [{KEY: {"S": key}} for key in keys], "ConsistentRead": True}
        try:
            answer = await self._call("BatchGetItem", {"RequestItems": {self._table: wanted}})
        except AnsweredError as error:
            raise failed(error) from error
        if answer.get("UnprocessedKeys"):
            raise GatesError("UnprocessedKeys: DynamoDB read some gates, and not all")
        try:
            with understood():
                items = {keys[item[KEY]["S"]]: item for item in answer["Responses"][self._table]}
        except CallError as error:
            raise failed(error) from error
        return {queue: gate_of(attributes(items.get(queue, {}))) for queue in queues}

    async def swap(self, queue: str, rev: int, taking: Taking) -> tuple[bool, Gate]:
        takes, dead = _numbered("take", taking.takes), _numbered("dead", taking.dead)
        sets = ["#rev = :after", *(f"#held.#{one} = :{one}" for one in takes)]
        values = {":rev": float(rev), ":after": rev + 1.0}
        if taking.next is not None:
            sets.append("#next = :next")
            values[":next"] = taking.next
        if taking.shut_until is not None:
            sets.append("#shut_until = :shut")
            values[":shut"] = taking.shut_until
        if taking.every is not None:
            sets.append("#every = :every")
            values[":every"] = taking.every * 1000
        values |= {f":{one}": until for one, (_, until) in (takes | dead).items()}
        removes = ", ".join(f"#held.#{one}" for one in dead)
        return await self._update_if(
            queue,
            f"SET {', '.join(sets)}{' REMOVE ' * bool(dead)}{removes}",
            " AND ".join([_MINE, *(f"#held.#{one} = :{one}" for one in dead)]),
            values,
            {f"#{one}": name for one, (name, _) in (takes | dead).items()},
        )

    async def claim(self, queue: str, permit: str, own: str, now: float, until: float) -> bool:
        claimed, gate = await self._update_if(
            queue,
            "SET #held.#own = :until REMOVE #held.#permit",
            "#held.#permit >= :now",
            {":now": now, ":until": until},
            {"#own": own, "#permit": permit},
        )
        return claimed or own in gate.held  # a call whose answer was lost is sent again

    async def renew(self, queue: str, own: str, until: float) -> bool:
        change, there = "SET #held.#own = :until", "attribute_exists(#held.#own)"
        renewed, _ = await self._update_if(queue, change, there, {":until": until}, {"#own": own})
        return renewed

    async def release(self, queue: str, permits: Sequence[str]) -> None:
        names = {f"#{one}": name for one, (name, _) in _numbered("permit", dict.fromkeys(permits)).items()}
        removes = ", ".join(f"#held.{one}" for one in names)
        await self._update_if(queue, f"REMOVE {removes}", "attribute_exists(#held)", {}, names)

    async def unavailable(self, queue: str, message: str, now: float, until: float | None) -> Gate:
        values = {":now": now, ":quiet": now - QUIET_SECONDS, ":who": {message}, ":until": until}
        by = now + TOLD_SECONDS
        later = "" if until is None else ", #shut_until = :until"
        change = f"SET #begun = if_not_exists(#begun, :now){later} ADD #failing :who"
        says = change, "attribute_not_exists(#last) OR #last >= :quiet"
        says_while_shut = change, "attribute_exists(#failing)"
        gate = Gate()
        for step in (says, None, says):
            old = ", ".join(f"#{name}" for name in gate.breaker.old(now))
            forgets = f"REMOVE {old}", "#last < :quiet"
            one = step or (says_while_shut if gate.breaker.is_shut(now) else forgets)
            done, gate = await self._update_if(queue, *one, _used(values, *one), {}, by)
            if done and one is not forgets:
                break
        if gate.breaker.has_enough(now):  # the condition of a change counts only what was said before it
            _, gate = await self._update_if(
                queue,
                "SET #since = if_not_exists(#since, :now), #last = :now",
                "size(#failing) >= :trip",
                {":now": now, ":trip": gate.breaker.trip},
                {},
                by,
            )
        return gate

    async def cut(self, queue: str, cut: Cut) -> bool:
        seen = "#cut = :seen" if cut.seen else "attribute_not_exists(#cut)"
        times = {":every": cut.every, ":refused": cut.refused, ":took": cut.took}
        values = {name: seconds * 1000 for name, seconds in times.items()} | {":at": cut.at, ":one": 1}
        done, _ = await self._update_if(
            queue,
            "SET #every = :every, #refused = :refused, #cut = :at, #took = :took ADD #rev :one",
            f"attribute_exists(#slowest) AND {seen}",
            values | ({":seen": cut.seen} if cut.seen else {}),
            {},
            cut.at + TOLD_SECONDS,
        )
        return done

    async def succeeded(self, queue: str, now: float, received_at: float) -> None:
        change, values = "REMOVE #failing, #shut_until, #begun", {":trip": float(DEFAULT_TRIP)}
        by, few = now + TOLD_SECONDS, f"attribute_exists(#failing) AND {_FEW}"
        done, gate = await self._update_if(queue, change, few, values, {}, by)
        breaker = gate.breaker
        if done or not breaker.failing or not breaker.believes(received_at, now):
            return
        values = {":begun": breaker.begun}
        if breaker.has_enough(now):
            change, values = f"SET #opened = :now {change}", {**values, ":now": now}
        await self._update_if(queue, change, "#begun = :begun", values, {}, by)

    async def pause(self, queue: str, now: float) -> None:
        await self._say(queue, "SET #paused = if_not_exists(#paused, :now)", {":now": now})

    async def resume(self, queue: str, now: float) -> None:
        change = "REMOVE #paused, #failing, #shut_until, #since, #last, #begun"
        opens = f"SET #opened = :now {change}"
        done, _ = await self._update_if(queue, opens, "attribute_exists(#failing)", {":now": now}, {})
        if not done:
            await self._say(queue, change)

    async def limit(self, queue: str, rate: Rate | None, auto: Auto | None = None) -> None:
        rule: dict[str, float] = {}
        if rate is not None:
            rule = {EVERY: rate.every * 1000, BURST: rate.burst}
        if rate is not None and auto is not None:
            rule[REFUSED] = rate.every * 1000
            rule |= {SLOWEST: auto.slowest * 1000, FASTEST: auto.fastest * 1000}
        sets = ", ".join(f"#{name} = :{name}" for name in rule)
        removes = ", ".join(f"#{name}" for name in _OF_RATES if name not in rule)
        values = {f":{name}": value for name, value in rule.items()}
        change = f"{'SET ' * bool(sets)}{sets} REMOVE {removes} ADD #rev :one".lstrip()
        await self._say(queue, change, values | {":one": 1})

    async def cap(self, queue: str, at_once: int | None) -> None:
        if at_once is None:
            await self._say(queue, "REMOVE #at_once ADD #rev :one", {":one": 1})
            return
        # A permit is written into a map, which has to exist. An existing map keeps its permits.
        held = "SET #held = if_not_exists(#held, :none), #at_once = :at_once ADD #rev :one"
        await self._say(queue, held, {":none": {}, ":at_once": at_once, ":one": 1})

    async def break_at(self, queue: str, trip: int | None, longest: float | None) -> None:
        rule = {name: value for name, value in ((TRIP, trip), (LONGEST, longest)) if value is not None}
        sets = ", ".join(f"#{name} = :{name}" for name in rule)
        change = f"SET {sets}" if rule else f"REMOVE #{TRIP}, #{LONGEST}"
        await self._say(queue, change, {f":{name}": value for name, value in rule.items()})


def _numbered(kind: str, permits: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Returns the permits by names that an expression may have."""
    return {f"{kind}{number}": one for number, one in enumerate(permits.items())}


def _used(values: Mapping[str, Any], *expressions: str) -> dict[str, Any]:
    """Returns the values that the expressions use, since DynamoDB refuses others."""
    used = {name for one in expressions for name in re.findall(r":\w+", one)}
    return {name: value for name, value in values.items() if name in used}
