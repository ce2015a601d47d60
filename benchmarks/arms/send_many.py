"""Zigzag's `send_many`, from a generator. `send_many.py NUMBER`."""

import os
import sys
import time

import measured

from zigzag import remote

NUMBER = int(sys.argv[1])
os.environ.setdefault("ZIGZAG_TRANSPORT", sys.argv[2])
push_news = remote("push_news", dict)


def payloads(first: int, last: int):
    return ({"number": number, "title": "x" * 100} for number in range(first, last))


push_news.send_many(payloads(0, 1)).finish()  # connects
begun, began, before = measured.begin(), time.perf_counter(), measured.peak_bytes()
push_news.send_many(payloads(1, NUMBER)).finish()
measured.say(begun, seconds=time.perf_counter() - began, more_bytes=measured.peak_bytes() - before)
