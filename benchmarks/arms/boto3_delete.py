"""An empty task by boto3 alone: reads the body, deletes the message. `boto3_delete.py NUMBER [pydantic]`."""

import json
import os
import sys

import boto3
import measured

NUMBER = int(sys.argv[1])
if "pydantic" in sys.argv:
    from pydantic import BaseModel

    class Nothing(BaseModel):
        name: str


BODY = '{"task": "nothing", "payload": {"name": "world"}}'
sqs = boto3.client("sqs")
queue = os.environ["ZIGZAG_QUEUE_URL"]
begun = measured.begin()
for number in range(NUMBER):
    if number == 1:
        begun = measured.begin()  # the first one opened the connection
    payload = json.loads(BODY)["payload"]
    if "pydantic" in sys.argv:
        Nothing.model_validate(payload)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle="AQEB" * 44)
measured.say(begun)
