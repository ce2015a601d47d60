"""Can an owner turn every parameter safely, and leave all of them alone?"""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from tests.project.template.reading import ROOT, Template


def allows(parameter: dict[str, Any], value: str) -> bool:
    """Tells whether CloudFormation would take `value`."""
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return False
    if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
        return False
    return "MinValue" not in parameter or parameter["MinValue"] <= int(value) <= parameter["MaxValue"]


def test_a_parameter_says_what_it_does(ours: Template) -> None:
    silent = [
        name
        for name, parameter in ours.source["Parameters"].items()
        if not parameter.get("Description", "").endswith(".")
    ]

    assert silent == []


def test_a_parameter_has_limits(ours: Template) -> None:
    take_anything = [
        name
        for name, parameter in ours.source["Parameters"].items()
        if not {"AllowedPattern", "AllowedValues"} & set(parameter)
        and not {"MinValue", "MaxValue"} <= set(parameter)
    ]

    assert take_anything == []


def test_a_parameter_has_a_default_within_its_limits(ours: Template) -> None:
    parameters = ours.source["Parameters"]

    assert [name for name, one in parameters.items() if not allows(one, str(one["Default"]))] == []


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("Schedule", "rate(1 minute)", True),
        ("Schedule", "rate(5 minutes)", True),
        ("Schedule", "cron(0/2 8-18 ? * MON-FRI *)", True),
        ("Schedule", "rate(1 minutes)", False),  # EventBridge wants the singular
        ("Schedule", "rate(30 seconds)", False),
        ("Schedule", "cron(* * * * *)", False),  # five fields are cron's, six are EventBridge's
        ("AlarmEmail", "", True),
        ("AlarmEmail", "you@example.com", True),
        ("AlarmEmail", "you@example", False),
        ("AlarmEmail", "a@example.com, b@example.com", False),
        ("FailurePhone", "", True),
        ("FailurePhone", "+4915112345678", True),
        ("FailurePhone", "015112345678", False),
        ("WorkerTimeout", "901", False),
        ("Queue2", "", False),  # sam could not set it
        ("Queue2", "none", True),
        ("Queue2", "none:2", False),
        ("Queue2", "nonesuch", True),
        ("Queue2", "urgent", True),
        ("Queue2", "urgent:6", True),
        ("Queue5", "Bulk9:100", True),
        ("Queue2", "urgent:0", False),
        ("Queue2", "urgent:101", False),
        ("Queue2", "urgent:", False),
        ("Queue2", "urgent,bulk", False),
        ("Queue2", "ur-gent", False),  # its name is a part of texts that are taken apart
        ("Queue2", "6", False),
        ("Queue2", "default", False),  # the first one's
        ("Queue2", "default:6", False),
        ("Queue2", "defaults", True),
        ("DefaultWeight", "0", False),
        ("WorkerConcurrency", "-1", False),
        ("BatchSize", "11", False),  # a receive brings ten
        ("Fifo", "True", False),  # it would be compared with 'true', and make a standard queue
        ("FlowControl", "True", False),  # the consumer would not start
        ("LogRetentionDays", "31", False),
        ("Metrics", "True", False),  # the worker would not start
        ("SenderAccounts", "222222222222,arn:aws:iam::333333333333:role/team/shop", True),
        ("SenderAccounts", "*", False),  # everybody
        ("SenderAccounts", "222222222222, 333333333333", False),  # the blank would be part of the second
        ("SenderTopics", "arn:aws:sns:eu-west-1:222222222222:orders.fifo", True),
        ("SenderTopics", "arn:aws:sns:eu-west-1:222222222222:*", False),
        ("SenderBuckets", "arn:aws:s3:::my.uploads,arn:aws-cn:s3:::more", True),
        ("SenderBuckets", "uploads", False),
        ("SenderRules", "arn:aws:events:eu-west-1:222222222222:rule/shop/orders", True),
        ("SenderRules", ",".join(["arn:aws:events:eu-west-1:222222222222:rule/a"] * 11), False),
        ("KmsKeyArn", "arn:aws:kms:eu-west-1:222222222222:key/mrk-0a1b", True),
        ("KmsKeyArn", "alias/tasks", False),
        ("PermissionsBoundary", "arn:aws-us-gov:iam::222222222222:policy/team/developers", True),
        ("PermissionsBoundary", "arn:aws:iam::aws:policy/PowerUserAccess", True),
        ("PermissionsBoundary", "developers", False),
        ("Architecture", "amd64", False),
    ],
)
def test_a_parameter_takes_what_aws_takes(shipped: Template, name: str, value: str, taken: bool) -> None:
    assert allows(shipped.source["Parameters"][name], value) is taken


def test_so_many_workers_are_reserved_as_the_parameter_says_and_none_by_default(ours: Template) -> None:
    reserved = ours.source["Resources"]["WorkerFunction"]["Properties"]["ReservedConcurrentExecutions"]
    condition, then, otherwise = reserved["Fn::If"]

    assert ours.source["Conditions"][condition] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "WorkerConcurrency"}, "0"]}]
    }
    assert (then, otherwise) == ({"Ref": "WorkerConcurrency"}, {"Ref": "AWS::NoValue"})
    assert ours.source["Parameters"]["WorkerConcurrency"]["Default"] == 0


# ---- samconfig.toml ----


def samconfig(environment: str) -> dict[str, Any]:
    """Returns the settings of `sam deploy --config-env <environment>`."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[environment]
    return {**config["global"]["parameters"], **config["deploy"]["parameters"]}


@pytest.mark.parametrize("environment", ["default", "local"])
def test_sam_deploy_needs_no_flag(environment: str) -> None:
    config = samconfig(environment)

    assert config["stack_name"]
    assert config["resolve_s3"] is True
    assert config["capabilities"] == "CAPABILITY_IAM"
    assert config["fail_on_empty_changeset"] is False


def test_the_local_deploy_asks_nothing() -> None:
    assert samconfig("local")["confirm_changeset"] is False


@pytest.mark.parametrize("environment", ["default", "local"])
def test_the_parameters_given_are_such_as_the_template_takes(shipped: Template, environment: str) -> None:
    given = dict(override.split("=", 1) for override in samconfig(environment).get("parameter_overrides", []))

    parameters = shipped.source["Parameters"]
    assert [
        name for name, value in given.items() if name not in parameters or not allows(parameters[name], value)
    ] == []


def test_build_and_deploy_read_the_same_parameters() -> None:
    # Architecture is chosen by the build and by the stack; two places would let them differ.
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

    assert [
        f"{environment}.{command}"
        for environment in ("default", "local")
        for command in ("build", "deploy")
        if "parameter_overrides" in config[environment][command]["parameters"]
    ] == []
