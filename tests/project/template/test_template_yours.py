"""Has everything that a task may need one marked place, and may what stands there come and go?

That the rest stays true with more or less in these places is what the three shapes in conftest.py are for.
"""

from __future__ import annotations

import pytest
from tests.project.template.reading import Template, arn, statements
from tests.project.template.yours import marker, without_yours

EXAMPLES = ("PageBucket", "PageBucketPolicy", "NewsTopic")


def test_nothing_of_zigzags_stands_in_the_users_places(shipped: Template) -> None:
    # When all that stands there is deleted
    ours = without_yours(shipped.text)

    # Then it is gone, and nothing that is left speaks of it
    assert marker("resources") not in ours
    for name in ("MailFrom", "MAIL_FROM", "PAGE_BUCKET", *EXAMPLES):
        assert f"{name}:" not in ours
        assert f"!Ref {name}" not in ours


def test_zigzags_part_is_the_same_whatever_stands_there(template: Template, ours: Template) -> None:
    assert without_yours(template.text) == ours.text


def test_a_task_added_at_the_markers_reaches_the_worker(templates: dict[str, Template]) -> None:
    added = templates["with a task's things added"]

    assert added.variables("WorkerFunction")["ZZ_PROBE_TABLE"] == {"Ref": "ZzProbeTable"}
    assert added.properties("WorkerFunction")["EphemeralStorage"] == {"Size": 1024}
    assert "ZzProbeTable" in added.resources
    assert "ZzProbeOutput" in added.source["Outputs"]
    assert "ZzProbeParameter" in added.source["Parameters"]


def test_properties_added_to_the_worker_function_leave_zigzags_as_they_are(
    templates: dict[str, Template], ours: Template
) -> None:
    added = templates["with a task's things added"].properties("WorkerFunction")

    assert set(added) - set(ours.properties("WorkerFunction")) == {"EphemeralStorage", "Layers"}
    assert {name for name, value in ours.properties("WorkerFunction").items() if added[name] != value} == {
        "Environment"
    }


def test_the_worker_comes_after_what_its_tasks_may_do_and_goes_before_it(template: Template) -> None:
    """Lambda makes a worker's network interfaces, and takes them away, by permissions of its role."""
    assert template.resources["WorkerFunction"]["DependsOn"] == "TasksPolicy"


def test_a_permission_added_at_the_marker_is_the_workers_alone(templates: dict[str, Template]) -> None:
    tasks_policy = templates["with a task's things added"].properties("TasksPolicy")
    document = templates["with a task's things added"].decided(tasks_policy["PolicyDocument"])
    allowed = [(one["Action"], one["Resource"]) for one in statements(document)]

    assert (["dynamodb:PutItem"], [arn("ZzProbeTable")]) in allowed
    assert tasks_policy["Roles"] == [{"Ref": "WorkerRole"}]


# ---- The examples: worth copying, free to be deleted ----


@pytest.fixture
def examples(shipped: Template) -> Template:
    if not {*EXAMPLES, "MailFrom"} <= {*shipped.resources, *shipped.source["Parameters"]}:
        pytest.skip("the examples were deleted")
    return shipped


def test_the_examples_tasks_may_do_exactly_what_they_do(examples: Template) -> None:
    allowed = [
        (one["Action"], one["Resource"])
        for one in statements(examples.decided(examples.properties("TasksPolicy")["PolicyDocument"]))
    ]

    sender = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${MailFrom}"
    assert (["ses:SendEmail"], [{"Fn::Sub": sender}]) in allowed
    assert (["s3:PutObject"], [{"Fn::Sub": "${PageBucket.Arn}/*"}]) in allowed
    assert (["sns:Publish"], [{"Ref": "NewsTopic"}]) in allowed


def test_the_examples_bucket_is_private_encrypted_and_retained(examples: Template) -> None:
    bucket = examples.properties("PageBucket")

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"]
    assert examples.resources["PageBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert examples.resources["PageBucket"]["UpdateReplacePolicy"] == "Retain"


def test_the_examples_bucket_refuses_anything_but_tls(examples: Template) -> None:
    policy = examples.properties("PageBucketPolicy")
    (statement,) = statements(policy["PolicyDocument"])

    assert policy["Bucket"] == {"Ref": "PageBucket"}
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", ["s3:*"])
    assert statement["Resource"] == [arn("PageBucket"), {"Fn::Sub": "${PageBucket.Arn}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
