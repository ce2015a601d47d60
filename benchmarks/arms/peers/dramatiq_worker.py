"""Runs a dramatiq worker with 8 threads, on SQS by dramatiq-sqs: `dramatiq_worker.py TASKS`."""

import sys
import threading

import dramatiq
from dramatiq_sqs import SQSBroker
from until_deleted import Countdown

QUEUE, TASK, THREADS = "tasks", "nothing", 8
broker = SQSBroker()
dramatiq.set_broker(broker)
countdown = Countdown(int(sys.argv[1]))


@dramatiq.actor(actor_name=TASK, queue_name=QUEUE)
def nothing(name: str) -> None:
    countdown.ran()


dramatiq.Worker(broker, worker_threads=THREADS).start()
threading.Event().wait()  # the countdown ends the process
