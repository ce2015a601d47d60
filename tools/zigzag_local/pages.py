"""Reads MiniStack's own pages, which AWS does not have: readiness, mails, and the content of queues."""

import json
import ssl
import urllib.request
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from zigzag_local.running import REGION, ROOT, LocalAws


def ask(aws: LocalAws, path: str, *, seconds: float) -> dict[str, Any]:
    """Returns the JSON of a page. The request is signed with the key.

    seconds -- most time until the answer begins.

    Raises OSError or HTTPException if no answer comes, or if it is no success.
    """
    request = AWSRequest("GET", aws.endpoint + path)
    SigV4Auth(Credentials(ROOT, aws.secret), "ministack", REGION).add_auth(request)
    trust = ssl.create_default_context(cafile=aws.ca_bundle) if aws.tls else None
    signed = urllib.request.Request(aws.endpoint + path, headers=dict(request.headers.items()))  # noqa: S310
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    with direct.open(signed, timeout=seconds) as answer:
        return dict(json.load(answer))
