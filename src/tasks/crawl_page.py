"""Crawls a page and stores it in Amazon S3. It shows both ways to fail: Retry and Reject.

The sender of a message chooses the address, so the task calls only public ones. An address of this machine,
whose runtime has secrets, or of a private network is rejected. A name is looked up once, because a second
answer may differ.
"""

import functools
import hashlib
import os
import socket
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from ssl import create_default_context
from typing import Any
from urllib import request
from urllib.error import HTTPError, URLError

import boto3
from pydantic import BaseModel, HttpUrl

from zigzag import Backoff, Context, Reject, Retry, task

MAX_BYTES = 10_000_000
TIMEOUT_SECONDS = 20


class Page(BaseModel):
    url: HttpUrl


@functools.cache
def _s3() -> Any:
    return boto3.client("s3")


def key_of(url: HttpUrl) -> str:
    """Returns the key of a page in S3. The key of a page never changes, so to crawl it twice does no harm."""
    return f"pages/{hashlib.sha256(str(url).encode()).hexdigest()}.html"


def _connected(host: str, port: int) -> socket.socket:
    """Returns a connection to the host's address if that is public, or is listed in CRAWL_ALSO."""
    address = str(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    found = ip_address(address)
    allowed = found.is_global and not found.is_multicast
    if not allowed and address not in os.environ.get("CRAWL_ALSO", "").split(","):
        raise Reject(f"{host} has no public address")
    return socket.create_connection((address, port), TIMEOUT_SECONDS)


class _Http(HTTPConnection):
    def connect(self) -> None:
        self.sock = _connected(self.host, self.port)


class _Https(HTTPSConnection):
    def connect(self) -> None:
        plain = _connected(self.host, self.port)
        self.sock = create_default_context().wrap_socket(plain, server_hostname=self.host)


class _Public(request.HTTPHandler, request.HTTPSHandler):
    """Opens every address by the connections above, also after a redirect."""

    def http_open(self, req: request.Request) -> Any:
        return self.do_open(_Http, req)

    def https_open(self, req: request.Request) -> Any:
        return self.do_open(_Https, req)


def _opener() -> request.OpenerDirector:
    """Returns an opener for http and https, which uses no proxy: a proxy would look up names itself."""
    opener = request.OpenerDirector()
    for handler in (_Public(), request.HTTPRedirectHandler(), request.UnknownHandler()):
        opener.add_handler(handler)
    opener.add_handler(request.HTTPErrorProcessor())
    opener.add_handler(request.HTTPDefaultErrorHandler())
    return opener


@task(attempts=4, backoff=Backoff(first=5, longest=600))
def crawl_page(page: Page, context: Context) -> None:
    """Stores the page. Retries when the server has trouble, and rejects a page that does not exist."""
    wanted = request.Request(str(page.url), headers={"User-Agent": "zigzag-example"})  # noqa: S310 -- HttpUrl
    try:
        with _opener().open(wanted, timeout=TIMEOUT_SECONDS) as answer:
            body = answer.read(MAX_BYTES + 1)
            missing = answer.length  # of the announced length; chunks that end early raise an error
    except HTTPError as error:
        error.close()
        if error.code in (408, 425, 429) or error.code >= 500:
            raise Retry(f"the server answered {error.code}") from error
        raise Reject(f"the server answered {error.code}") from error
    except URLError as error:
        raise Retry(f"the server can't be reached: {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise Retry(f"the page did not come whole: {error}") from error
    if len(body) > MAX_BYTES:
        raise Reject(f"the page has more than {MAX_BYTES:,} bytes")
    if missing:
        raise Retry(f"the page did not come whole: {missing:,} bytes are missing")
    key = key_of(page.url)
    _s3().put_object(Bucket=os.environ["PAGE_BUCKET"], Key=key, Body=body, ContentType="text/html")
    context.log.info("stored %d bytes as %s", len(body), key)
