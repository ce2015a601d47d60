"""boto3's own loop: a batch of ten after the other. `boto3_sends.py NUMBER`."""

import itertools
import json
import os
import sys
import time

import boto3
import measured

NUMBER = int(sys.argv[1])
QUEUE = os.environ["ZIGZAG_QUEUE_URL"]
sqs = boto3.client("sqs")
payloads = ({"number": number, "title": "x" * 100} for number in range(NUMBER))
bodies = (json.dumps({"task": "push_news", "payload": payload}) for payload in payloads)
sqs.send_message_batch(QueueUrl=QUEUE, Entries=[{"Id": "0", "MessageBody": next(bodies)}])  # connects
begun, began, before = measured.begin(), time.perf_counter(), measured.peak_bytes()
for batch in itertools.batched(bodies, 10, strict=False):
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
    sqs.send_message_batch(QueueUrl=QUEUE, Entries=entries)
measured.say(begun, seconds=time.perf_counter() - began, more_bytes=measured.peak_bytes() - before)
