"""A page crawled, and stored in Amazon S3. It fails in both ways: some answers are worth a retry."""

import functools
import hashlib
import os
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

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
    """Where a page is stored: the same page in the same place, so that crawling it twice does no harm."""
    return f"pages/{hashlib.sha256(str(url).encode()).hexdigest()}.html"


@task(attempts=4, backoff=Backoff(first=5, longest=600))
def crawl_page(page: Page, context: Context) -> None:
    """Stores the page. A server in trouble is tried again; a page that is not there is rejected."""
    request = Request(str(page.url), headers={"User-Agent": "zigzag-example"})  # noqa: S310 -- HttpUrl
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            body = answer.read(MAX_BYTES + 1)
    except HTTPError as error:
        if error.code in (408, 425, 429) or error.code >= 500:
            raise Retry(f"the server answered {error.code}") from error
        raise Reject(f"the server answered {error.code}") from error
    except (URLError, TimeoutError) as error:
        raise Retry(f"the server can't be reached: {error}") from error
    if len(body) > MAX_BYTES:
        raise Reject(f"the page has more than {MAX_BYTES:,} bytes")
    key = key_of(page.url)
    _s3().put_object(Bucket=os.environ["PAGE_BUCKET"], Key=key, Body=body, ContentType="text/html")
    context.log.info("stored %d bytes as %s", len(body), key)
