"""With a key of one's own: is all encrypted with it, and may the functions use it, for that only?"""

from __future__ import annotations

from typing import Any

import pytest
from tests.project.template.reading import Template, statements

KEY = {"Ref": "KmsKeyArn"}
GIVEN = {"KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0a1b"}
QUEUE = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled")
ENCRYPTED: dict[str, dict[str, Any]] = {
    "AWS::SQS::Queue": dict(zip(QUEUE, (KEY, 3600, False), strict=True)),
    "AWS::DynamoDB::Table": {
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    },
    "AWS::Logs::LogGroup": {"KmsKeyId": KEY},
    "AWS::SNS::Topic": {"KmsMasterKeyId": KEY},
}
AWSS_OWN = "alias/aws/sns"
"""A topic may have it in place of a key of one's own."""

WITHOUT: dict[str, dict[str, Any]] = {kind: {} for kind in ENCRYPTED} | {"AWS::SQS::Queue": {QUEUE[2]: True}}


@pytest.mark.parametrize(
    ("given", "wanted"), [(GIVEN, ENCRYPTED), ({}, WITHOUT)], ids=["with a key", "without"]
)
@pytest.mark.parametrize("kind", ENCRYPTED)
def test_all_that_holds_data_has_the_key_if_there_is_one(
    ours: Template, kind: str, given: dict[str, str], wanted: dict[str, Any]
) -> None:
    resources = ours.of_type(kind)
    assert resources

    names = {name for one in ENCRYPTED.values() for name in one}
    for one in resources.values():
        properties = ours.decided(one["Properties"], **given)
        found = {name: value for name, value in properties.items() if name in names and value != AWSS_OWN}
        assert found == wanted[kind]


@pytest.mark.parametrize("given", [GIVEN, {}], ids=["with a key", "without"])
def test_large_payloads_are_encrypted_with_it_too(ours: Template, given: dict[str, str]) -> None:
    rules = ours.decided(ours.properties("LargeBucket"), **given)["BucketEncryption"]
    (rule,) = rules["ServerSideEncryptionConfiguration"]

    with_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    wanted = with_key if given else {"SSEAlgorithm": "AES256"}
    assert rule == {"ServerSideEncryptionByDefault": wanted} | ({"BucketKeyEnabled": True} if given else {})


def test_only_with_a_key_the_functions_may_use_it_and_only_through_these_services(
    ours: Template,
) -> None:
    policy = ours.ours["UseKeyPolicy"]

    assert ours.holds(policy["Condition"], **GIVEN)
    assert not ours.holds(policy["Condition"])
    consumer, worker = {"Ref": "ConsumerRole"}, {"Ref": "WorkerRole"}
    assert ours.decided(policy["Properties"]["Roles"], **GIVEN) == [consumer, worker]
    later = ours.decided(policy["Properties"]["Roles"], **GIVEN, Scheduler="true")
    assert later == [consumer, worker, {"Ref": "SchedulerRole"}]
    services = [
        {"Fn::Sub": f"{one}.${{AWS::Region}}.${{AWS::URLSuffix}}"} for one in ("sqs", "dynamodb", "sns", "s3")
    ]
    document = ours.decided(policy["Properties"]["PolicyDocument"], **GIVEN)
    assert list(statements(document)) == [
        {
            "Sid": "UseKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [KEY],
            "Condition": {"StringEquals": {"kms:ViaService": services}},
        }
    ]


@pytest.mark.parametrize("now", [GIVEN, {}], ids=["another key", "none any more"])
def test_what_is_encrypted_with_the_key_before_can_still_be_read(ours: Template, now: dict[str, str]) -> None:
    given = {**now, "EarlierKmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/9f8e"}
    policies = [ours.ours["UseKeyPolicy"], ours.ours["OperatorLookPolicy"]]

    for policy in policies:
        assert ours.holds(policy["Condition"], OperatorPolicies="true", **given)
        document = ours.decided(policy["Properties"]["PolicyDocument"], OperatorPolicies="true", **given)
        (own,) = [one for one in statements(document) if one["Resource"] == [{"Ref": "EarlierKmsKeyArn"}]]
        assert own["Action"] == ["kms:Decrypt"]
