"""Which transport is used? The lean one, unless boto is asked for, or alone can serve."""

from __future__ import annotations

import pytest
from tests.transports import as_on_lambda

from shared.aws.boto import BotoTransport
from shared.aws.choice import BOTO, LEAN, transport_in_a_loop, transport_in_place
from shared.aws.doubt import LeanFirst


class TestChoice:
    """The lean transport, unless boto is asked for, or alone can serve."""

    def test_on_lambda_it_is_lean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        as_on_lambda(monkeypatch)

        assert isinstance(transport_in_place(LEAN, attempts=1), LeanFirst)
        assert isinstance(transport_in_a_loop(LEAN, attempts=1, connections=1, threads=1), LeanFirst)

    def test_it_is_boto_where_that_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        as_on_lambda(monkeypatch)

        assert isinstance(transport_in_place(BOTO, attempts=1), BotoTransport)
        assert isinstance(transport_in_a_loop(BOTO, attempts=1, connections=1, threads=1), BotoTransport)

    def test_it_is_boto_where_only_boto_can_and_the_log_says_so(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        as_on_lambda(monkeypatch)
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")

        with caplog.at_level("INFO"):
            chosen = transport_in_place(LEAN, attempts=1)

        assert isinstance(chosen, BotoTransport)
        assert [(record.message, "HTTPS_PROXY" in str(vars(record))) for record in caplog.records] == [
            ("boto is used", True)
        ]
