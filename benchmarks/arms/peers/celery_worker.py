"""Runs a Celery worker with 16 threads, on SQS: `celery_worker.py TASKS`."""

import os
import sys
from urllib.parse import urlsplit

from celery import Celery
from until_deleted import Countdown

QUEUE, TASK, THREADS = "tasks", "nothing", 16
endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
url = f"{os.environ['AWS_ENDPOINT_URL']}/123456789012/{QUEUE}"
app = Celery("peer", broker=f"sqs://{endpoint.netloc}")
app.conf.update(
    broker_transport_options={
        "region": os.environ["AWS_REGION"],
        "is_secure": True,
        "wait_time_seconds": 1,
        "predefined_queues": {QUEUE: {"url": url}},
    },
    task_default_queue=QUEUE,
    task_ignore_result=True,
    worker_redirect_stdouts=False,  # the last line is for the figures
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=False,
)
countdown = Countdown(int(sys.argv[1]))


@app.task(name=TASK)
def nothing(name: str) -> None:
    countdown.ran()


quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
app.worker_main(["worker", "--pool", "threads", "--concurrency", str(THREADS), *quiet])
