"""Before it makes anything, verify says where, what, by which permissions, for how much; and it is so."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.zigzag_verify.playing import PLACE, PlayedAws, Session, packages, real
from tests.unit.zigzag_verify.test_a_run_leaves_nothing import RUN, course, played, verify

from zigzag_verify import __main__ as main
from zigzag_verify import consent, package
from zigzag_verify.door import Door, NotPlannedError
from zigzag_verify.errors import VerifyError
from zigzag_verify.names import SETTINGS
from zigzag_verify.plan import plan_of
from zigzag_verify.policy import CALLS, MAKES, TAKES, document, needed
from zigzag_verify.run import Outcome
from zigzag_verify.stacks import parameters
from zigzag_verify.sweep import Swept
from zigzag_verify.trials import KEPT, NOT_IN_TIME
from zigzag_verify.tries import uses


def door_of(aws: PlayedAws) -> Door:
    door = Door(Session(aws))  # type: ignore[arg-type]
    door.look_around()
    return door


def test_the_words_fit_eighty_columns_and_name_account_region_bound_and_policy(tmp_path: Path) -> None:
    arn = "arn:aws:iam::123456789012:policy/developers"
    said = consent.told(door_of(played()), RUN, plan_of(uses()), tmp_path / "policy.json", arn)

    wide = [line for line in said.splitlines() if len(line) > 80]
    assert wide == [line for line in wide if str(tmp_path) in line]
    words = (
        arn,
        "123456789012",
        "user/ann",
        "eu-west-1",
        "at most",
        "$0.0",
        f"zigzag:verify={RUN}",
        "a month",
    )
    assert [word for word in words if word not in said] == []
    assert json.loads((tmp_path / "policy.json").read_text()) == document(PLACE)


def test_what_kept_it_from_calling_aws_names_the_options_of_make(capsys: pytest.CaptureFixture[str]) -> None:
    main._wrong("no profile: name one with --profile. Is the region right?. Nothing was made")

    said = capsys.readouterr().err
    assert said == "verify: no profile: name one with PROFILE=. Is the region right? Nothing was\nmade.\n"


@pytest.mark.parametrize(
    ("given", "ask"),
    [
        ("123456789013", None),
        ("", None),
        (None, lambda question: "yes"),
        (None, lambda question: ""),
        (None, None),
    ],
    ids=["another", "empty", "yes", "nothing", "nobody"],
)
def test_another_account_is_refused(given: str | None, ask: Callable[[str], str] | None) -> None:
    with pytest.raises(VerifyError, match="Nothing was made"):
        consent.agree(door_of(played()), given, ask)


def test_the_accounts_id_is_consent_as_people_write_it() -> None:
    consent.agree(door_of(played()), None, lambda question: " 1234-5678-9012\n")


def test_a_quota_of_ten_is_told_before_the_accounts_id_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = played()
    aws.concurrency = 10
    monkeypatch.setattr(package, "PROJECT", tmp_path)

    with pytest.raises(VerifyError, match=r"may run 10 functions at once, .* needs 170.* Nothing was made"):
        main._verify(course(aws, tmp_path), Namespace(account=None, boundary=None))

    assert aws.asked == ["sts:GetCallerIdentity", "lambda:GetAccountSettings"]


def test_what_it_has_found_fits_eighty_columns_and_says_what_was_not_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdicts = {
        "poison": {"state": KEPT, "figures": {"letters": 3, "reasons": ["the body is not JSON"] * 9}},
        "killed": {"state": NOT_IN_TIME, "figures": {}},
    }
    answers = {"the limit of a message": {f"{size:,} bytes": "taken" for size in range(10**6, 10**6 + 9)}}
    swept = Swept(by_tag=[f"arn:aws:sqs:eu-west-1:123456789012:zigzag-verify-{RUN}-x"])

    main._tell(Outcome(RUN, {"verdicts": {"fifo-boto": verdicts}, "answers": answers}, swept=swept))

    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "1 of these were not judged: the trials end after 7 minutes" in said
    assert "in ten services' lists.\nThe tag's list lags behind" in said
    assert " ".join(said.split()).count("the body is not JSON") == 9


def test_a_boundary_is_every_roles_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(project: Path, environment: object, folder: Path, *_: object, **__: object) -> None:
        for function in package.FUNCTIONS:
            (folder / function).mkdir(parents=True)

    monkeypatch.setattr(package.stack, "build", built)
    arn = "arn:aws:iam::123456789012:policy/developers"
    made = package.build("code", on_aws=True, boundary=package.boundary(arn)).template

    assert made["Parameters"]["PermissionsBoundary"]["Default"] == arn
    roles = [one["Properties"] for _, one in real(made, {}) if one["Type"] == "AWS::IAM::Role"]
    assert [one for one in roles if "PermissionsBoundary" not in one] == []
    with pytest.raises(VerifyError, match=r"BOUNDARY=developers is no ARN .* Nothing was made"):
        package.boundary("developers")


def test_the_policy_has_what_the_stacks_resources_need_and_no_other_types() -> None:
    template = packages().template
    types = {one["Type"] for setting in SETTINGS for _, one in real(template, parameters(setting))}

    assert types == MAKES.keys() == TAKES.keys()


def test_each_action_that_verify_calls_itself_is_called(tmp_path: Path) -> None:
    aws, broken = played(), played(lacks="sqs:CreateQueue")
    verify(aws, tmp_path)
    verify(broken, tmp_path)

    assert set(CALLS.split()) - {*aws.asked, *broken.asked} == set()
    deletes = {one for some in TAKES.values() for one in some.split()}
    assert {*aws.asked, *broken.asked} - needed() == {"sts:GetCallerIdentity"}
    assert deletes - {*aws.asked} == set(), "a sweep's calls are rehearsed"


def test_the_policy_fits_a_managed_policy_and_names_only_what_is_verifys() -> None:
    policy = document(PLACE)

    assert len(json.dumps(policy, separators=(",", ":"))) <= 6144
    everywhere = [one for one in policy["Statement"] if one["Resource"] == "*"]
    listing = [action.partition(":")[2] for one in everywhere for action in one["Action"]]
    assert [one for one in listing if not one.startswith(("Describe", "Get", "List"))] == []
    others = [one["Resource"] for one in policy["Statement"] if one not in everywhere]
    flat = [one for some in others for one in ([some] if isinstance(some, str) else some)]
    assert [one for one in flat if "zigzag-verify-*" not in one] == []


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("sqs", "purge_queue", {"QueueUrl": f"https://sqs/1/zigzag-verify-{RUN}-x"}),
        ("sqs", "delete_queue", {"QueueUrl": "https://sqs/1/orders"}),
        ("dynamodb", "delete_table", {"TableName": "orders"}),
        ("s3", "delete_bucket", {"Bucket": "my-zigzag-verify-1"}),
        ("iam", "delete_role", {"RoleName": "admin"}),
    ],
    ids=["another action", "another queue", "another table", "another bucket", "another role"],
)
def test_a_call_that_is_not_in_the_policy_does_not_pass_the_door(
    service: str, call: str, arguments: dict[str, str]
) -> None:
    aws = played()
    door = door_of(aws)

    with pytest.raises(NotPlannedError):
        getattr(door.client(service), call)(**arguments)

    assert aws.asked == ["sts:GetCallerIdentity"]


@pytest.mark.parametrize("lacks", [None, "iam:TagRole", "lambda:CreateFunction"], ids=str)
def test_no_call_is_made_more_often_than_the_bound_says(tmp_path: Path, lacks: str | None) -> None:
    aws, most = played(lacks), plan_of(uses()).most
    aws.fault = lambda number, action: "throttled" if number > 60 and action == "sqs:DeleteQueue" else None

    verify(aws, tmp_path, tried=lacks is None)

    over = {action: number for action, number in Counter(aws.asked).items() if number > most[action]}
    assert over == {}
    assert plan_of(uses()).dollars <= 0.10
