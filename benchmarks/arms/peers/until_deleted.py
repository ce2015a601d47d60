"""Ends a peer, which would poll for ever, once the stub's last message is deleted."""

import http.client
import json
import os
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

import measured

_POLL_SECONDS = 0.02


class Countdown:
    """Counts tasks. When all have run, it waits for the last delete, prints the figures, and exits."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks
        self._lock = threading.Lock()
        self._ran = 0
        self._begun = measured.begin()

    def ran(self) -> None:
        with self._lock:
            self._ran += 1
            if self._ran == self._tasks:
                threading.Thread(target=self._end).start()

    def _end(self) -> None:
        endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])
        tls = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
        stub = http.client.HTTPSConnection(endpoint.hostname, endpoint.port, context=tls)
        while True:
            stub.request("GET", "/stats")
            if json.load(stub.getresponse())["deleted"] >= self._tasks:
                break
            time.sleep(_POLL_SECONDS)
        measured.say(self._begun)
        sys.stdout.flush()
        os._exit(0)
