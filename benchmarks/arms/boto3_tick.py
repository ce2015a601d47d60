"""Makes the calls of a tick with one message by boto3 alone. The argument `pydantic` loads that as well."""

import json
import os
import sys

import boto3
import measured

if "pydantic" in sys.argv:
    from pydantic import BaseModel

    class Message(BaseModel):
        task: str
        payload: dict[str, str]


sqs, functions = boto3.client("sqs"), boto3.client("lambda")
queue, worker = os.environ["ZIGZAG_QUEUE_URL"], os.environ["ZIGZAG_WORKER"]
begun = measured.begin()
sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
for _ in range(3):  # one brings the message, two are empty
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    for message in answer.get("Messages", []):
        if "pydantic" in sys.argv:
            Message.model_validate_json(message["Body"])
        invoked = functions.invoke(FunctionName=worker, InvocationType="Event", Payload=json.dumps(message))
        invoked["Payload"].read()
measured.say(begun)
