"""A function in a container calls the local AWS, and names queues as the stack's own functions know them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from zigzag_local import sam_local
from zigzag_local.running import LocalAws

URL = "http://127.0.0.1:4566/000000000000/tasks"


def test_only_the_endpoint_leads_to_the_bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given functions that know the queue by this URL: a worker refuses an event of another queue
    told = {"Environment": {"Variables": {"ZIGZAG_QUEUE_URL": URL}}}
    functions = SimpleNamespace(get_function_configuration=lambda FunctionName: told)  # noqa: N803
    monkeypatch.setattr(sam_local, "session", lambda: SimpleNamespace(client=lambda *_, **__: functions))
    aws = LocalAws(endpoint="http://127.0.0.1:4566", directory=tmp_path, pid=0, secret="s")

    outputs = dict.fromkeys(("ConsumerFunctionName", "WorkerFunctionName"), "function")
    values = sam_local.variables(aws, outputs, "172.17.0.1")

    assert (values["AWS_ENDPOINT_URL"], values["ZIGZAG_QUEUE_URL"]) == ("http://172.17.0.1:4566", URL)
