"""Says what a run would do, where and for how much, and asks for the account's id."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_verify.door import Door
from zigzag_verify.errors import VerifyError
from zigzag_verify.names import PREFIX, SETTINGS, TAG
from zigzag_verify.plan import Plan
from zigzag_verify.policy import document, needed

FREE = 170
"""Of the account's concurrent executions: two consumers at a time, and 40 workers, of each of four stacks."""

type Say = Callable[[str], object]


def told(door: Door, run: str, plan: Plan, policy: Path, boundary: str | None = None) -> str:
    """Returns the words, in 80 columns, after writing the policy to a file.

    boundary -- the permissions boundary of the roles.
    """
    _write(policy, door.place)
    where = "" if door.is_aws else "\n               This is not AWS: the evidence will say so"
    limit = f"\n  boundary     {boundary}, of each role" if boundary else ""
    actions = needed()
    return f"""\
Zigzag verify, run {run}. Nothing is made yet.

  account      {door.place["account"]}
               as {door.caller}
  region       {door.region_name}{where}
  makes        {len(SETTINGS)} stacks, {PREFIX}{run}-…: queues, functions, tables,
               alarms, IAM roles; and a bucket for their code
               all of it with the tag {TAG}={run}{limit}
  touches      nothing else: a call that names anything else is not sent
  sends        {plan.messages} messages, to its own queues
  runs         up to {FREE - 10} functions at a time, for moments, of the executions
               that your own functions share
  takes        ten minutes at most; if AWS deletes slowly, it waits for that,
               {plan.minutes} minutes at most
  costs        ${plan.dollars:.2f} at most by list prices; {plan.calls:,} calls at most
  takes away   all of it at the end, at ^C too, and shows that nothing is left
  left alone   if this machine dies, it costs ${plan.left_per_month:.0f} a month, until somebody types
               `make verify-aws SWEEP=1`, here or on another machine
  needs        {len(actions)} permissions, which an administrator has; else this policy:
               {policy}
"""


def agree(door: Door, account: str | None, ask: Callable[[str], str] | None) -> None:
    """Returns once the account's id was given. Raises VerifyError if it is another one, or there is nobody.

    account -- the id that was given with the command.
    ask     -- asks a person; None = there is none.
    """
    if account is None and ask is None:
        raise VerifyError("nobody can be asked here: add ACCOUNT= and the account's id. Nothing was made")
    typed = account if account is not None or ask is None else ask("Type the account's id to go on: ")
    if (typed or "").strip().replace("-", "") != door.place["account"]:
        raise VerifyError(
            f"that is not the account: the credentials are of {door.place['account']}. Nothing was made"
        )


def check_quota(door: Door) -> None:
    """Raises VerifyError if the account can't run so many functions at once beside its own."""
    try:
        limits = door.client("lambda").get_account_settings()["AccountLimit"]
    except (BotoCoreError, ClientError) as error:
        raise VerifyError(f"{cause(error)}. Nothing was made") from error
    free = int(limits.get("UnreservedConcurrentExecutions", limits.get("ConcurrentExecutions", 0)))
    if free < FREE and door.is_aws:
        raise VerifyError(
            f"this account may run {free} functions at once, and verify needs {FREE}, or it would slow down "
            "your own: ask for more under Service Quotas, `Concurrent executions`. Nothing was made"
        )


def _write(policy: Path, place: Mapping[str, str]) -> None:
    try:
        policy.parent.mkdir(mode=0o700, exist_ok=True)
        policy.write_text(json.dumps(document(place), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise VerifyError(f"the policy can't be written ({error}). Nothing was made") from error
