"""Does the stub answer as SQS, Lambda and DynamoDB do, as far as boto3 can tell, and does it count right?"""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from benchmarks.stub.running import ROOT, Stub
from botocore.config import Config

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/tasks"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
ONCE = Config(retries={"total_max_attempts": 1})


def client(service: str, stub: Stub, verify: Any = None, config: Config = ONCE) -> Any:
    verify = str(stub.ca) if verify is None else verify
    return boto3.client(service, endpoint_url=stub.url, verify=verify, config=config, **KEYS)  # type: ignore[call-overload]


def received(sqs: Any, **arguments: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10, **arguments)
    return list(answer.get("Messages", []))


def test_each_message_of_the_backlog_is_handed_out_once(stub: Stub) -> None:
    stub.reset(25)
    sqs = client("sqs", stub)

    polls = [received(sqs) for _ in range(4)]

    assert [len(poll) for poll in polls] == [10, 10, 5, 0]
    messages = [message for poll in polls for message in poll]
    assert len({message["MessageId"] for message in messages}) == 25
    assert len({message["ReceiptHandle"] for message in messages}) == 25
    assert (stub.stats()["receives"], stub.stats()["messages"]) == (4, 25)


def test_a_body_comes_as_it_was_given_with_its_md5(stub: Stub) -> None:
    body = 'quotes " and 🐍 and \\ and \n and 100 % and %08x'
    stub.reset(1, body=body)

    [message] = received(client("sqs", stub))  # boto3 compares the MD5 as well

    assert message["Body"] == body
    assert message["MD5OfBody"] == hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_an_answer_has_a_date(stub: Stub) -> None:
    answer = client("sqs", stub).receive_message(QueueUrl=QUEUE)

    assert answer["ResponseMetadata"]["HTTPHeaders"]["date"].endswith(" GMT")


def test_deletes_and_postponements_are_counted_by_the_message(stub: Stub) -> None:
    stub.reset(3)
    sqs = client("sqs", stub)
    handles = [message["ReceiptHandle"] for message in received(sqs)]
    entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles[:2])]

    deleted = sqs.delete_message_batch(QueueUrl=QUEUE, Entries=entries)
    sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=handles[2])
    later = [{**entry, "VisibilityTimeout": 30} for entry in entries]
    sqs.change_message_visibility_batch(QueueUrl=QUEUE, Entries=later)
    sqs.change_message_visibility(QueueUrl=QUEUE, ReceiptHandle=handles[0], VisibilityTimeout=30)

    assert [entry["Id"] for entry in deleted["Successful"]] == ["0", "1"]
    stats = stub.stats()
    assert (stats["deletes"], stats["deleted"]) == (2, 3)
    assert (stats["postponements"], stats["postponed"]) == (2, 3)


def test_the_queue_says_how_much_waits_and_how_much_is_in_flight(stub: Stub) -> None:
    stub.reset(25)
    sqs = client("sqs", stub)
    first = received(sqs)[0]
    sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=first["ReceiptHandle"])

    attributes = sqs.get_queue_attributes(QueueUrl=QUEUE, AttributeNames=["All"])["Attributes"]

    assert attributes["ApproximateNumberOfMessages"] == "15"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "9"


def test_a_message_that_is_deleted_twice_is_not_counted_as_deleted_once(stub: Stub) -> None:
    stub.reset(3)
    sqs = client("sqs", stub)
    handles = [message["ReceiptHandle"] for message in received(sqs)]

    sqs.delete_message(QueueUrl=QUEUE, ReceiptHandle=handles[0])
    entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
    sqs.delete_message_batch(QueueUrl=QUEUE, Entries=entries)

    assert (stub.stats()["deleted"], stub.stats()["deleted_once"]) == (4, 2)


def test_a_queue_is_found_by_its_name(stub: Stub) -> None:
    assert client("sqs", stub).get_queue_url(QueueName="tasks")["QueueUrl"] == QUEUE


def test_an_invoke_is_accepted_and_its_messages_are_noted(stub: Stub) -> None:
    stub.reset(3)
    messages = received(client("sqs", stub))
    functions = client("lambda", stub)

    of_messages = {"Message": messages[0]}, {"Message": messages[1]}, {"Messages": messages[1:]}
    for payload in (*of_messages, {"Consumer": 2}):
        answer = functions.invoke(FunctionName="worker", InvocationType="Event", Payload=json.dumps(payload))

    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    stats = stub.stats()
    assert (stats["invokes"], stats["dispatched"], stats["dispatched_once"]) == (4, 4, 2)
    assert stats["started"] == ['{"Consumer": 2}']


def test_a_change_of_a_record_succeeds(stub: Stub) -> None:
    table = client("dynamodb", stub)
    key = {"key": {"S": "a task"}}

    answer = table.update_item(TableName="records", Key=key, ReturnValues="ALL_NEW")
    table.delete_item(TableName="records", Key=key)

    assert answer["Attributes"] == {**key, "starts": {"N": "1"}}
    assert stub.stats()["record_changes"] == 2


def test_connections_are_counted_by_those_that_call(stub: Stub) -> None:
    client("sqs", stub).receive_message(QueueUrl=QUEUE)
    functions = client("lambda", stub)
    for _ in range(3):
        functions.invoke(FunctionName="worker", InvocationType="Event")["Payload"].read()
    stub.stats()

    stats = stub.stats()

    assert (stats["connections"], stats["tls_handshakes"]) == (2, 2)


def test_a_client_that_reads_slowly_gets_all_of_an_answer(stub: Stub) -> None:
    """Ten messages of 64 KB: more than the kernel keeps for a client that does not read."""
    stub.reset(10, body="x" * 640_000)
    tls = ssl.create_default_context(cafile=stub.ca)
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(10)
        plain.connect(("127.0.0.1", stub.port))
        with tls.wrap_socket(plain, server_hostname="127.0.0.1") as slow:
            asked = b'{"MaxNumberOfMessages":10}'
            slow.sendall(
                b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: %d\r\n\r\n%b"
                % (len(asked), asked)
            )
            assert stub.stats()["messages"] == 10  # another client is answered in the meantime
            answer = http.client.HTTPResponse(slow)
            answer.begin()

            assert len(json.loads(answer.read())["Messages"]) == 10


def test_a_receive_from_the_empty_queue_waits_as_long_as_it_asks(stub: Stub) -> None:
    """Long enough for another call to be answered in the meantime."""
    tls = ssl.create_default_context(cafile=stub.ca)
    with (
        socket.create_connection(("127.0.0.1", stub.port)) as plain,
        tls.wrap_socket(plain, server_hostname="127.0.0.1") as waiting,
    ):
        body = b'{"QueueUrl": "tasks", "WaitTimeSeconds": 20}'
        waiting.sendall(
            b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        client("sqs", stub).get_queue_attributes(QueueUrl=QUEUE, AttributeNames=["All"])
        waiting.settimeout(0.2)

        with pytest.raises(TimeoutError):
            waiting.recv(1)


def test_its_longest_wait_may_be_less(stub: Stub) -> None:
    stub.reset(0, max_wait_seconds=0.01)
    hasty = Config(read_timeout=10, retries={"total_max_attempts": 1})
    sqs = client("sqs", stub, config=hasty)

    assert received(sqs, WaitTimeSeconds=20) == []  # else the client would have given up


def test_it_ends_when_it_is_told_to_and_leaves_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.stub"], cwd=ROOT, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        Stub(said["url"], said["port"], Path(said["ca"])).stats()  # so that it serves, and waits for more

        process.terminate()

        try:
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert not Path(said["ca"]).parent.exists()
