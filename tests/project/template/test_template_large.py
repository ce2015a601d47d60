"""Is the bucket of large payloads there only if it is wanted, closed, kept for as long as it is needed?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.project.template.reading import Template, arn, pasted, statements

from shared.lease import KEPT_SECONDS

ON = {"LargePayloads": "true"}
DAY_SECONDS = 24 * 3600


def of_the_bucket(template: Template, resource: str, **given: str) -> list[Any]:
    """Returns the statements of a role or a policy about the bucket."""
    properties = template.decided(template.properties(resource), **given)
    documents = [one["PolicyDocument"] for one in properties.get("Policies", [properties])]
    found = [one for document in documents for one in statements(document)]
    return [one for one in found if "LargeBucket" in json.dumps(one)]


def test_by_default_there_is_none_and_nobody_may_anything(template: Template) -> None:
    made = {name for name, one in template.ours.items() if one.get("Condition") == "HasLargeBucket"}

    assert made == {"LargeBucket", "LargeBucketPolicy"}
    assert (template.holds("HasLargeBucket"), template.holds("HasLargeBucket", **ON)) == (False, True)
    assert [of_the_bucket(template, one) for one in ("WorkerRole", "TasksPolicy")] == [[], []]


def test_the_worker_may_read_it_and_a_task_may_add_to_it_and_the_consumer_nothing(template: Template) -> None:
    objects = {"Fn::Sub": "${LargeBucket.Arn}/*"}
    (reads,) = of_the_bucket(template, "WorkerRole", **ON)
    (sends,) = of_the_bucket(template, "TasksPolicy", **ON)

    # With the list, S3 tells an object that is gone from one that may not be read
    # (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
    assert reads["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert reads["Resource"] == [arn("LargeBucket"), objects]
    assert (sends["Action"], sends["Resource"]) == (["s3:PutObject"], [objects])
    own = {"StringEqualsIfExists": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    assert [one["Condition"] for one in (reads, sends)] == [own, own]
    assert of_the_bucket(template, "ConsumerRole", **ON) == []


def test_an_object_outlives_its_message_and_its_letter_and_both_after_a_redrive(template: Template) -> None:
    (rule,) = template.properties("LargeBucket")["LifecycleConfiguration"]["Rules"]

    assert rule["Status"] == "Enabled"
    assert 4 * KEPT_SECONDS < rule["ExpirationInDays"] * DAY_SECONDS < 5 * KEPT_SECONDS


def test_it_is_nobodys_but_its_owners_and_wants_tls(template: Template) -> None:
    bucket = template.properties("LargeBucket")
    (policy,) = statements(template.properties("LargeBucketPolicy")["PolicyDocument"])

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert (policy["Effect"], policy["Principal"], policy["Action"]) == ("Deny", "*", ["s3:*"])
    assert policy["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(("given", "name"), [({}, ""), (ON, {"Ref": "LargeBucket"})], ids=["off", "on"])
def test_both_functions_know_its_name(template: Template, given: dict[str, str], name: Any) -> None:
    variables = template.source["Globals"]["Function"]["Environment"]["Variables"]

    assert template.decided(variables["ZIGZAG_LARGE_BUCKET"], **given) == name


def test_a_producer_may_put_objects_there(template: Template) -> None:
    told = template.decided(template.source["Outputs"]["ProducerPolicy"], **ON)

    between, parts = told["Value"]["Fn::Join"]
    assert json.loads(between.join(pasted({"Value": part}) for part in parts)) == {
        "Effect": "Allow",
        "Action": ["sqs:SendMessage", "s3:PutObject"],
        "Resource": ["<TaskQueue.Arn>", "<LargeBucket.Arn>/*"],
    }
