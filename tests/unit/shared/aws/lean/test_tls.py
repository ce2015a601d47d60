"""A certificate is always checked, and the list of authorities is read once."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import make_certificate
from tests.http_endpoint import HttpEndpoint, wait_for
from tests.transports import as_on_lambda
from tests.unit.shared.aws.ways import GOOD, ConsumersWay, Way, call, invoke_at_once

from shared.aws.lean import connections, streams
from shared.aws.lean.trust import trust
from shared.aws.transport import NoAnswerError, NotSentError


class TestTls:
    @pytest.fixture
    def secure(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HttpEndpoint]:
        certificate, context = make_certificate(tmp_path)
        with HttpEndpoint(GOOD, context) as endpoint:
            as_on_lambda(monkeypatch, endpoint.url)
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
            yield endpoint

    def test_calls_go_through_it_and_large_ones_too(self, secure: HttpEndpoint, way: Way) -> None:
        large = b'"%b"' % (b"x" * 1_000_000)

        way.run(way.transport.invoke("worker", large))
        way.run(way.transport.invoke("worker", b"{}"))

        assert secure.requests == [large, b"{}"]
        assert secure.connections == 1

    def test_a_slow_reader_is_given_up_when_the_time_for_all_of_it_is_over(
        self, secure: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given one who takes a piece now and then, so that no wait for the next one is long
        secure.answer = "reads slowly"
        monkeypatch.setattr("shared.aws.lean.transport.ANSWER_SECONDS", {"lambda": 0.5})
        event = b"x" * 24_000_000

        with pytest.raises(NoAnswerError):
            way.run(way.transport.invoke("worker", event))

        assert wait_for(lambda: secure.closed == 1, 20)
        assert secure.taken < len(event)

    def test_an_authority_that_is_not_in_the_bundle_is_not_trusted(
        self, secure: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_CA_BUNDLE")

        with pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
            call(way)

        assert secure.requests == []

    def check_refused(self, way: Way, why: str, host: str, folder: Path, **of: Any) -> None:
        """Calls an endpoint on `host`. Its certificate is in the bundle, and made `of` something else."""
        certificate, context = make_certificate(folder, **of)
        with pytest.MonkeyPatch.context() as patch, HttpEndpoint(GOOD, context) as elsewhere:
            as_on_lambda(patch, elsewhere.url.replace("127.0.0.1", host))
            patch.setenv("AWS_CA_BUNDLE", str(certificate))

            with pytest.raises(NotSentError, match=why):
                call(way)

        assert elsewhere.requests == []

    def test_a_certificate_for_somebody_else_is_not_trusted(self, way: Way, tmp_path: Path) -> None:
        self.check_refused(way, "IP address mismatch", "127.0.0.1", tmp_path, address="127.0.0.9")

    def test_a_certificate_that_names_its_host_as_common_name_alone_is_not_trusted(
        self, way: Way, tmp_path: Path
    ) -> None:
        """An authority checks subjectAltNames. A common name may be anything."""
        of: dict[str, Any] = {"name": "localhost", "address": None}
        self.check_refused(way, "CERTIFICATE_VERIFY_FAILED", "localhost", tmp_path, **of)

    @pytest.fixture
    def with_amazons_too(self, secure: HttpEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Makes a bundle: two of Amazon's authorities, the server's, and one that nobody knows."""
        bundle = tmp_path / "bundle.pem"
        parts = [Path(os.environ["AWS_CA_BUNDLE"]).read_bytes()]
        for name in ("Amazon Root CA 1", "Starfield Services Root", "Nobody"):
            (tmp_path / name).mkdir()
            parts.append(make_certificate(tmp_path / name, name=name)[0].read_bytes())
        bundle.write_bytes(b"".join(parts))
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        return bundle

    def test_of_a_bundle_amazons_authorities_are_read_at_first(self, with_amazons_too: Path) -> None:
        context = trust(str(with_amazons_too)).context

        names = [dict(one[0] for one in found["subject"])["commonName"] for found in context.get_ca_certs()]
        assert names == ["Amazon Root CA 1", "Starfield Services Root"]
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)

    def test_a_server_is_trusted_if_an_authority_of_the_bundle_vouches_though_amazon_does_not(
        self, secure: HttpEndpoint, with_amazons_too: Path, consumers_way: Way
    ) -> None:
        invoke_at_once(consumers_way, *[b"{}"] * 10)

        assert len(secure.requests) == 10

    def test_a_bundle_that_is_not_there_is_named(
        self, secure: HttpEndpoint, workers_way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/bundle.pem")

        with pytest.raises(NotSentError, match="/nowhere/bundle"):
            call(workers_way)

        assert secure.requests == []

    @pytest.mark.usefixtures("with_amazons_too")
    def test_a_stranger_at_one_endpoint_does_not_shut_another_out(
        self, secure: HttpEndpoint, consumers_way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        # Given calls that go well, over connections whose sessions are remembered
        call(consumers_way)
        (tmp_path / "stranger").mkdir()
        _, context = make_certificate(tmp_path / "stranger")
        with HttpEndpoint(GOOD, context) as stranger, closing(ConsumersWay()) as another:
            monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", stranger.url)

            # When a server is met whose certificate no authority has signed
            with pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
                another.run(another.transport.invoke("worker", b"{}"))

        # Then the others are still called, over new connections, too
        monkeypatch.setattr(connections, "RESTED_SECONDS", -1)
        call(consumers_way)
        call(consumers_way)
        assert secure.connections == 3

    def test_a_new_connection_goes_on_with_the_session_of_the_last_one(
        self, secure: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "RESTED_SECONDS", -1)

        for _ in range(3):
            call(way)

        assert secure.resumed == [False, True, True]

    def test_a_session_that_the_other_side_has_forgotten_is_followed_by_a_new_one(
        self, secure: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        # Given an endpoint that has the same certificate, and another memory
        monkeypatch.setattr(connections, "RESTED_SECONDS", -1)
        call(way)
        call(way)
        another = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        another.load_cert_chain(os.environ["AWS_CA_BUNDLE"], tmp_path / "key.pem")
        secure.forget_sessions(another)

        call(way)
        call(way)

        assert secure.resumed == [False, True, False, True]

    def test_an_address_that_does_not_answer_leaves_time_for_the_next_and_comes_last_then(
        self, secure: HttpEndpoint, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Given a host of two addresses, at the first of which nobody ever says a word
        port = int(secure.url.rpartition(":")[2])
        both = [(2, 1, 6, "", ("127.0.0.9", port)), (2, 1, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(streams, "getaddrinfo", lambda *_, **__: both)
        monkeypatch.setattr(streams, "_known", {})
        monkeypatch.setattr(connections, "OPEN_SECONDS", 1.0)
        with socket.create_server(("127.0.0.9", port)):
            call(way)

        known = [address for _, address in streams.addresses("127.0.0.1", port, 1.0)]
        assert known == [("127.0.0.1", port), ("127.0.0.9", port)]

    def test_the_authorities_are_read_once_for_all_connections(
        self, secure: HttpEndpoint, workers_way: Way, consumers_way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[Any] = []
        load = ssl.SSLContext.load_verify_locations
        trust.cache_clear()
        monkeypatch.setattr(
            ssl.SSLContext,
            "load_verify_locations",
            lambda context, *which, **named: read.append(which) or load(context, *which, **named),
        )

        invoke_at_once(consumers_way, *[b"{}"] * 10)
        call(workers_way)

        assert (secure.connections, len(read)) == (5, 1)
