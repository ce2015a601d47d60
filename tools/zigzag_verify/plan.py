"""The bound of a run: how often it calls what, and what that costs."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from zigzag_operate.cost.bills import idle, stack_of, total
from zigzag_operate.cost.lines import price
from zigzag_verify.names import SETTINGS
from zigzag_verify.policy import TAKES
from zigzag_verify.rehearsal import TRIES
from zigzag_verify.stacks import LOOK_SECONDS, parameters
from zigzag_verify.sweep import PASS_SECONDS, SWEEP_SECONDS

MAKE_SECONDS = 210
"""CloudFormation makes a stack in two to three minutes, most of it for the roles and the table."""

TRY_SECONDS = 440
"""The trials end so long after the consent, whatever is not judged by then."""

READ_SECONDS = 470
"""After that no call is made but those of the deletion, which takes two minutes: ten are the bound."""

OBJECTS = 3
S3_PUT = 0.000005
"""USD, as us-east-1's list price."""

ALARM_HOURS = 2
HOURS_OF_A_MONTH = 720


class Uses(NamedTuple):
    """The most that the trials use, in all stacks.

    calls    -- by IAM's names of them.
    messages -- how many are sent.
    requests -- of SQS, by verify and by the functions: 64 KB each.
    seconds  -- of the worker.
    writes   -- to the tables.
    """

    calls: Counter[str]
    messages: int = 0
    requests: int = 0
    seconds: float = 0.0
    writes: int = 0


class Plan(NamedTuple):
    """The bound of a run.

    most          -- of each call, by IAM's names of them.
    left_per_month -- USD, of stacks that nobody takes away.
    """

    most: Counter[str]
    messages: int
    dollars: float
    left_per_month: float

    @property
    def calls(self) -> int:
        return self.most.total()

    @property
    def minutes(self) -> int:
        return math.ceil((READ_SECONDS + SWEEP_SECONDS) / 60)


def plan_of(uses: Uses) -> Plan:
    """Returns the bound of a run whose trials use so much."""
    most = _most() + uses.calls
    left = sum(total(idle(stack_of(parameters(setting)))) for setting in SETTINGS)
    return Plan(most, uses.messages, _dollars(uses), left)


def _most() -> Counter[str]:
    """Returns the most calls to make the stacks, to look for them and to take them away."""
    stacks, passes = len(SETTINGS), math.ceil(SWEEP_SECONDS / PASS_SECONDS) + 2
    listed = (
        *("sqs:ListQueues", "dynamodb:ListTables", "s3:ListAllMyBuckets", "logs:DescribeLogGroups"),
        *("lambda:ListFunctions", "events:ListRules", "cloudwatch:DescribeAlarms", "iam:ListRoles"),
        *("iam:ListPolicies", "tag:GetResources"),
    )
    pages = 5  # of an account with some hundreds of roles, or functions
    most = Counter(dict.fromkeys(listed, pages * (passes + 2)))
    most["cloudformation:DescribeStacks"] = stacks * (passes + 2 + math.ceil(MAKE_SECONDS / LOOK_SECONDS) + 2)
    most |= Counter({"cloudformation:CreateStack": stacks, "cloudformation:DescribeStackEvents": stacks})
    most |= Counter({"s3:CreateBucket": 1, "s3:PutBucketTagging": 1, "s3:PutObject": OBJECTS})
    most |= Counter({"lambda:GetAccountSettings": 2, "sts:GetCallerIdentity": 1})
    per_pass = {
        "cloudformation:DeleteStack": stacks,
        "sqs:DeleteQueue": 3 * stacks,
        "dynamodb:UpdateTable": 2 * stacks,
        "dynamodb:DeleteTable": 2 * stacks,
        **dict.fromkeys(("s3:ListBucket", "s3:DeleteObject", "s3:DeleteBucket"), 1),
        **dict.fromkeys(("logs:DeleteLogGroup", "lambda:DeleteFunction"), 2 * stacks),
        **dict.fromkeys(("events:RemoveTargets", "events:DeleteRule", "cloudwatch:DeleteAlarms"), stacks),
    }
    most |= Counter({action: number * passes + TRIES for action, number in per_pass.items()})
    rehearsed = {action for one in TAKES.values() for action in one.split()}
    return most | Counter(dict.fromkeys(rehearsed, 2 * TRIES))


def _dollars(uses: Uses) -> float:
    """Returns the most that a run costs. Calls of other services than these cost nothing."""
    stacks, seconds = len(SETTINGS), READ_SECONDS + SWEEP_SECONDS
    gb_second = price("lambda", "gb_second", "x86_64")
    consumers = stacks * 2 * seconds * 0.125 * gb_second  # two at a time, never idle
    workers = uses.seconds * 0.25 * gb_second
    sqs = (uses.requests + stacks * 2 * seconds) * price("sqs", "fifo_request")
    invokes = (uses.messages * 10 + stacks * 60) * price("lambda", "request")
    scans = uses.calls["dynamodb:Scan"] * 64 * price("dynamodb", "read_unit")  # of 256 KB
    alarms = stacks * price("cloudwatch", "alarm_month") * ALARM_HOURS / HOURS_OF_A_MONTH
    logs = 0.01 * price("cloudwatch", "log_gb")
    table = uses.writes * price("dynamodb", "write")
    return consumers + workers + sqs + invokes + scans + alarms + logs + table + OBJECTS * S3_PUT
