"""The one door to AWS. Each call is one of the policy's, names nothing but verify's, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import FORBIDDEN, cause
from zigzag_verify.errors import VerifyError
from zigzag_verify.policy import action_of, allows, arn_of, document

ANSWER_SECONDS = 20
PATIENCE = Config(
    connect_timeout=5,
    read_timeout=ANSWER_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 4},
    s3={"addressing_style": "path"},  # as CloudFormation takes a template's address
)
HOSTS_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

REFUSED = FORBIDDEN | {"AccessDeniedException", "UnauthorizedAccess", "403", "AccessDeniedFault"}


class LateError(BotoCoreError):
    """A call that came after the time for it. It was not sent."""

    fmt = "its time was over"


class NotPlannedError(Exception):
    """A call that the printed policy does not have: a mistake of verify's own. It was not sent."""


class Door:
    """Makes boto3's clients. It may stand in the place of a session.

    session  -- boto3's.
    endpoint -- the address of another AWS.
    calls    -- how many calls there were, by IAM's names of them.
    pass_by  -- is shown each call before it is made: its action and its parameters.
    """

    def __init__(self, session: boto3.Session, endpoint: str | None = None) -> None:
        self._session: Any = session
        self._endpoint = endpoint
        self._clients: dict[tuple[str, int], Any] = {}
        self._policy: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        self.pass_by: Callable[[str, Mapping[str, Any]], object] = lambda action, parameters: None
        self.region_name = str(session.region_name)
        self.place: dict[str, str] = {}
        self.caller = ""

    def look_around(self) -> None:
        """Asks who calls, and so in which account. All other calls come after it. Raises VerifyError."""
        try:
            said = self.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise VerifyError(f"{cause(error)}. Nothing was made") from error
        self.caller = str(said["Arn"])
        partition = self.caller.split(":")[1]
        self.place = {"partition": partition, "region": self.region_name, "account": str(said["Account"])}
        self._policy = document(self.place)

    @property
    def is_aws(self) -> bool:
        """Whether the calls go to AWS itself."""
        host = self.client("sqs").meta.endpoint_url.partition("://")[2].partition("/")[0].partition(":")[0]
        return bool(host.endswith(HOSTS_OF_AWS))

    def client(self, service: str, config: Config | None = None, **_: object) -> Any:
        """Returns a client whose calls pass here, as a session's `client` does."""
        key = service, id(config)
        if key not in self._clients:
            merged = PATIENCE.merge(config) if config else PATIENCE
            client = self._session.client(service, config=merged, endpoint_url=self._endpoint)
            events = client.meta.events
            events.register("before-parameter-build", self._note, unique_id="verify notes")
            events.register_first("before-call", self._pass, unique_id="verify passes")
            self._clients[key] = client
        return self._clients[key]

    def _note(self, params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        context["verify"] = dict(params)

    def _pass(self, model: Any, context: Mapping[str, Any], **_: object) -> None:
        parameters = context["verify"]
        service = model.service_model.service_name
        action = action_of(service, model.name)
        if action != "sts:GetCallerIdentity":
            arn = arn_of(service, parameters, self.place)
            if not allows(self._policy, action, arn):
                raise NotPlannedError(f"{action} on {arn} is not in the policy that verify prints")
        self.calls[action] += 1
        self.pass_by(action, parameters)


def is_refused(error: BotoCoreError | ClientError) -> bool:
    """Returns whether it says that a permission is missing."""
    return isinstance(error, ClientError) and str(error.response["Error"].get("Code")) in REFUSED
