"""HTTP/1.1: what a request is in bytes, and when an answer is complete."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.lean.http11 import (
    MAX_ANSWER_BYTES,
    MAX_FRAMING_BYTES,
    MAX_HEAD_BYTES,
    SMALL_BODY_BYTES,
    AnswerReader,
    BadAnswerError,
    HttpAnswer,
    request,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\nall of it"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
AFTER_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n" + OK


def read(*pieces: bytes) -> HttpAnswer | None:
    reader = AnswerReader(MAX_ANSWER_BYTES)
    answer = None
    for piece in pieces:
        answer = reader.feed(piece)
    return answer


def told(answer: HttpAnswer | None) -> tuple[int, bytes, bool, str | None]:
    assert answer is not None
    return answer.status, answer.body, answer.keep, answer.header(b"date")


def test_a_request_says_how_long_its_body_is() -> None:
    assert request("POST", "/a", {"host": "b"}, "é".encode()) == (
        b"POST /a HTTP/1.1\r\nhost: b\r\ncontent-length: 2\r\n\r\n\xc3\xa9"
    )


@pytest.mark.parametrize(
    ("pieces", "status", "body", "keep"),
    [
        pytest.param([OK], 200, b"{}", True, id="a length"),
        pytest.param([CHUNKED], 200, b"abc0123456789", True, id="chunks"),
        pytest.param([UNTIL_CLOSED, b""], 200, b"all of it", False, id="until it is closed"),
        pytest.param([NOTHING], 204, b"", True, id="no body"),
        pytest.param([AFTER_CONTINUE], 200, b"{}", True, id="after 100 Continue"),
        pytest.param([OK.replace(b"1.1", b"1.0")], 200, b"{}", False, id="HTTP/1.0"),
        pytest.param([OK.replace(b"Date", b"Connection: Close\r\nDate")], 200, b"{}", False, id="close"),
    ],
)
def test_an_answer_is_complete_in_each_of_the_ways_it_can_be(
    pieces: Sequence[bytes], status: int, body: bytes, keep: bool
) -> None:
    answer = read(*pieces)

    assert answer is not None
    assert (answer.status, answer.body, answer.keep) == (status, body, keep)


def test_a_header_is_found_by_its_name_in_lower_case() -> None:
    answer = read(OK)

    assert answer is not None
    assert answer.header(b"date") == "Fri, 15 Jan 2027 08:00:00 GMT"
    assert answer.header(b"at") is None  # not a part of a name


@settings(deadline=None)
@given(
    st.sampled_from([OK, CHUNKED, AFTER_CONTINUE, NOTHING]),
    st.lists(st.integers(0, len(AFTER_CONTINUE)), max_size=8),
)
def test_in_whatever_pieces_an_answer_comes_it_is_the_same(answer: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[start:end] for start, end in itertools.pairwise(edges) if start < end]

    assert told(read(*pieces)) == told(read(answer))


def test_an_answer_that_ends_too_early_is_none() -> None:
    for length in range(1, len(CHUNKED)):
        with pytest.raises(BadAnswerError):
            read(CHUNKED[:length], b"")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 2x0 OK\r\n\r\n", id="a status that is no number"),
        pytest.param(OK.replace(b": 2", b": -2"), id="a length below nothing"),
        pytest.param(OK.replace(b": 2", b": 1_0"), id="a length that only Python reads"),
        pytest.param(OK + b"more", id="more than its length"),
        pytest.param(CHUNKED.replace(b"abc\r\n", b"abcde"), id="a chunk that goes on"),
        pytest.param(CHUNKED.replace(b"\r\n3\r\n", b"\r\nx\r\n"), id="a chunk of no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000, id="a head without end"),
    ],
)
def test_bytes_that_are_no_answer_are_refused(answer: bytes) -> None:
    with pytest.raises(BadAnswerError):
        read(answer)


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="100 Continue"),
        pytest.param(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000, id="1xx, many at a time"),
    ],
)
def test_answers_before_the_answer_have_an_end(piece: bytes) -> None:
    with pytest.raises(BadAnswerError, match="larger than"):
        read(*[piece] * (1 + MAX_HEAD_BYTES // len(piece)))


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"1" * 8_000, id="a length that does not end"),
        pytest.param(b"1;" + b"x" * 8_000, id="an extension that does not end"),
        pytest.param(b"1\r\na\r\n" * 2_000, id="a byte at a time"),
        pytest.param(b"1;" + b"x" * 4_000 + b"\r\na\r\n", id="an extension each"),
    ],
)
def test_the_framing_of_chunks_has_an_end(piece: bytes) -> None:
    with pytest.raises(BadAnswerError, match="surrounds"):
        read(CHUNKS, *[piece] * (2 + 2 * MAX_FRAMING_BYTES // len(piece)))


def test_the_trailer_of_chunks_has_an_end() -> None:
    with pytest.raises(BadAnswerError, match="surrounds"):
        read(CHUNKS, b"0\r\n", *[b"a: b\r\n" * 1_000] * (2 + MAX_FRAMING_BYTES // 6_000))


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", id="a length"),
        pytest.param(CHUNKS + b"3e9\r\n", id="a chunk's length"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001, id="until it is closed"),
        pytest.param(CHUNKS + b"1f4\r\n" + b"x" * 500 + b"\r\n1f5\r\n", id="chunks together"),
    ],
)
def test_an_answer_may_be_as_large_as_its_operations_are(begins: bytes) -> None:
    with pytest.raises(BadAnswerError, match="larger than 1,000 bytes"):
        AnswerReader(1_000).feed(begins)

    assert AnswerReader(1_001).feed(begins) is None


def test_an_answer_that_says_what_went_wrong_is_small_whatever_was_asked_for() -> None:
    of_an_error = b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % (SMALL_BODY_BYTES + 1)

    with pytest.raises(BadAnswerError, match="larger than"):
        AnswerReader(MAX_ANSWER_BYTES).feed(of_an_error)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_refused_or_go_on(came: bytes) -> None:
    with contextlib.suppress(BadAnswerError):
        assert read(b"HTTP/1.1 200 OK\r\n" + came, b"") is not None
