"""Makes deletes over one connection, by one library: `calls.py boto3|urllib3|http.client|lean NUMBER`.

boto3 signs by its own signer, the others by the lean transport's.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from http.client import HTTPSConnection

import measured

WHAT, NUMBER = sys.argv[1], int(sys.argv[2])
QUEUE = os.environ["ZIGZAG_QUEUE_URL"]
ENTRIES = [{"Id": "0", "ReceiptHandle": "AQEB" * 44}]
PARAMETERS = {"QueueUrl": QUEUE, "Entries": ENTRIES}
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.DeleteMessageBatch"}


def signed() -> tuple[dict[str, str], bytes]:
    body = json.dumps(PARAMETERS).encode()
    return {**HEADERS, **signer.headers("POST", endpoint.host_header, "/", HEADERS, body, time.time())}, body


def by_boto3() -> Callable[[], object]:
    import boto3

    sqs = boto3.client("sqs")
    return lambda: sqs.delete_message_batch(**PARAMETERS)


def by_urllib3() -> Callable[[], object]:
    import urllib3

    pool = urllib3.HTTPSConnectionPool(endpoint.host, endpoint.port, ca_certs=os.environ["AWS_CA_BUNDLE"])

    def call() -> object:
        headers, body = signed()
        return json.loads(pool.request("POST", "/", body=body, headers=headers).data)

    return call


def by_http_client() -> Callable[[], object]:
    import ssl

    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    connection = HTTPSConnection(endpoint.host, endpoint.port, context=context)

    def call() -> object:
        headers, body = signed()
        connection.request("POST", "/", body, headers)
        return json.loads(connection.getresponse().read())

    return call


def by_lean() -> Callable[[], object]:
    from shared.aws.choice import LEAN, transport_in_place

    transport = transport_in_place(LEAN, attempts=1)

    def call() -> object:
        try:
            transport.call("sqs", "DeleteMessageBatch", PARAMETERS).send(None)  # it waits in place
        except StopIteration as done:
            return done.value
        raise AssertionError

    return call


if WHAT in ("urllib3", "http.client"):
    from shared.aws.lean.endpoint import aws_environment
    from shared.aws.lean.signature import Signer

    around = aws_environment(os.environ)
    endpoint = around.endpoint("sqs")
    signer = Signer(around.credentials, around.region, "sqs")

call = {"boto3": by_boto3, "urllib3": by_urllib3, "http.client": by_http_client, "lean": by_lean}[WHAT]()
begun = measured.begin()
for number in range(NUMBER):
    call()
    if number == 0:
        begun = measured.begin()  # the first one opened the connection
measured.say(begun)
