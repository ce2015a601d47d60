"""The example crawl_page calls what a message names: but no address that only this machine or network has."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from zigzag_testing import Sandbox

example = pytest.importorskip("tasks.crawl_page", reason="the example was deleted")


class Site:
    """A site on the loopback. /to?URL redirects there."""

    def __init__(self) -> None:
        self.visited: list[str] = []
        site = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.visited.append(self.path)
                path, _, there = self.path.partition("?")
                self.send_response(302 if path == "/to" else 200)
                self.send_header("Location", there)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.port = self.server.server_port


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("PAGE_BUCKET", "pages")
    example._s3.cache_clear()
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,))
    thread.start()
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="pages")
        yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()
    example._s3.cache_clear()


@contextmanager
def closes_after(answer: bytes) -> Iterator[int]:
    """Opens a port at which one request gets these bytes, and the connection's end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def crawl(url: str) -> tuple[str, str | None]:
    """Returns the outcome of the first attempt, and its reason."""
    with Sandbox({"crawl_page": example.crawl_page}) as sandbox:
        example.crawl_page.send(example.Page(url=url))
        sandbox.tick()
        return sandbox.reports[0].outcome, sandbox.reports[0].reason


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "2130706433", "0x7f.1", "0.0.0.0"),  # noqa: S104
        *("[::1]", "[::ffff:7f00:1]"),
    ],
)
def test_no_spelling_of_this_machine_is_called(site: Site, host: str) -> None:
    outcome, _ = crawl(f"http://{host}:{site.port}/")

    assert outcome != "succeeded"
    assert site.visited == []


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "240.0.0.1", "224.0.0.1"],
)
def test_an_address_that_is_not_public_is_rejected_before_a_connection(site: Site, address: str) -> None:
    assert crawl(f"http://{address}/latest/meta-data") == (
        "dead-letter",
        f"rejected: {address} has no public address",
    )


def test_a_redirect_there_is_rejected(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a site that may be called, which leads to an address that may not
    monkeypatch.setenv("CRAWL_ALSO", "127.0.0.1")

    said = crawl(f"http://127.0.0.1:{site.port}/to?http://127.0.0.2:{site.port}/secret")

    assert said == ("dead-letter", "rejected: 127.0.0.2 has no public address")
    assert [path.partition("?")[0] for path in site.visited] == ["/to"]


@pytest.mark.parametrize("there", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_something_else_than_http_leads_nowhere(
    site: Site, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.setenv("CRAWL_ALSO", "127.0.0.1")

    outcome, _ = crawl(f"http://127.0.0.1:{site.port}/to?{there}")

    assert outcome != "succeeded"


def test_a_name_is_looked_up_once_and_that_very_address_is_called(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a name whose second answer is another address (DNS rebinding)
    monkeypatch.setenv("CRAWL_ALSO", "127.0.0.1")
    answers = ["127.0.0.1", "127.0.0.2"]
    really = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        return really(answers.pop(0) if host == "rebound.example" else host, port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    outcome, _ = crawl(f"http://rebound.example:{site.port}/page")

    assert outcome == "succeeded"
    assert (site.visited, answers) == (["/page"], ["127.0.0.2"])


def test_a_proxy_that_the_environment_names_is_not_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{site.port}")

    assert crawl("http://10.0.0.1/") == ("dead-letter", "rejected: 10.0.0.1 has no public address")
    assert site.visited == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", id="a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", id="chunks"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_page_whose_connection_closed_early_is_tried_again_and_not_stored(
    site: Site, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setenv("CRAWL_ALSO", "127.0.0.1")
    with closes_after(answer) as port:
        outcome, reason = crawl(f"http://127.0.0.1:{port}/")

    assert outcome == "retry later"
    assert "the page did not come whole" in str(reason)
    assert boto3.client("s3").list_objects_v2(Bucket="pages")["KeyCount"] == 0


def test_a_page_that_may_be_called_is_stored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_ALSO", "127.0.0.1")

    outcome, _ = crawl(f"http://127.0.0.1:{site.port}/good")

    assert outcome == "succeeded"
    assert boto3.client("s3").list_objects_v2(Bucket="pages")["KeyCount"] == 1
