"""The first version of this pattern: makes one call after the other, and does not read the invoke's
answer."""

import json
import os

import boto3
import measured

sqs, functions = boto3.client("sqs"), boto3.client("lambda")
queue, worker = os.environ["ZIGZAG_QUEUE_URL"], os.environ["ZIGZAG_WORKER"]
begun = measured.begin()
while True:
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    if not answer.get("Messages"):
        break
    for message in answer["Messages"]:
        functions.invoke(FunctionName=worker, InvocationType="Event", Payload=json.dumps(message))
measured.say(begun)
