"""The best usual practice: each thread receives ten messages and invokes ten times."""

import json
import os
import sys
import threading

import boto3
import measured
from botocore.config import Config

THREADS = int(sys.argv[1])
config = Config(max_pool_connections=THREADS)
sqs, functions = boto3.client("sqs", config=config), boto3.client("lambda", config=config)
queue, worker = os.environ["ZIGZAG_QUEUE_URL"], os.environ["ZIGZAG_WORKER"]


def drain() -> None:
    while True:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        if not answer.get("Messages"):
            return
        for message in answer["Messages"]:
            invoked = functions.invoke(
                FunctionName=worker, InvocationType="Event", Payload=json.dumps(message)
            )
            invoked["Payload"].read()  # unread, the connection would not be used again


begun = measured.begin()
threads = [threading.Thread(target=drain) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
measured.say(begun)
