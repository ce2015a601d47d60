"""`make verify-aws`: asks, runs, and says what it has found; or takes away what a run has left."""

from __future__ import annotations

import argparse
import io
import signal
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_verify import consent, evidence, package
from zigzag_verify.clock import Clock
from zigzag_verify.door import Door
from zigzag_verify.errors import VerifyError
from zigzag_verify.journal import FOLDER, Journal
from zigzag_verify.names import new_run
from zigzag_verify.plan import TRY_SECONDS, plan_of
from zigzag_verify.run import Course, Outcome
from zigzag_verify.sweep import Swept
from zigzag_verify.trials import NOT_IN_TIME
from zigzag_verify.tries import tries, uses, was_kept

SWEEP = "make verify-aws SWEEP=1"
DONE, LEFT, WRONG, NOT_KEPT = 0, 1, 2, 3
ENDS = [getattr(signal, one) for one in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, one)]


def main(arguments: list[str]) -> int:
    """Returns 0 if all is as promised, 1 if something is left, 2 if nothing was made, 3 otherwise."""
    asked = _parser().parse_args(arguments)
    for number in ENDS:
        signal.signal(number, _interrupt)
    try:
        door = Door(boto3.Session(profile_name=asked.profile, region_name=asked.region), asked.endpoint_url)
        door.look_around()
        build = partial(package.build, on_aws=door.is_aws, boundary=package.boundary(asked.boundary))
        journal = Journal(package.PROJECT / FOLDER)
        course = Course(door, journal, Clock(), _say, build, tries, _held)
        return _sweep(course, asked.account) if asked.sweep else _verify(course, asked)
    except (BotoCoreError, ValueError) as error:
        return _wrong(f"{cause(error)}. Nothing was made")
    except ClientError as error:
        return _wrong(cause(error))
    except VerifyError as error:
        return _wrong(str(error))
    except KeyboardInterrupt:
        return _wrong("interrupted; nothing was made")


def _verify(course: Course, asked: argparse.Namespace) -> int:
    run, plan = new_run(), plan_of(uses())
    policy = package.PROJECT / FOLDER / "policy.json"
    print(consent.told(course.door, run, plan, policy, asked.boundary), flush=True)
    consent.check_quota(course.door)
    noted, _ = course.journal.runs(course.door.place)
    if noted:
        raise VerifyError(f"an earlier run has left something, {noted[0]}: first type {SWEEP}")
    consent.agree(course.door, asked.account, input if sys.stdin.isatty() else None)
    outcome = course.verify(run)
    _tell(outcome)
    if outcome.found:
        commit = evidence.commit_of(package.PROJECT)
        outcome.found["a permissions boundary"] = bool(asked.boundary)
        told = evidence.record(course.door, outcome, plan, course.clock.now(), commit)
        print(f"The evidence ({told['where']}): {evidence.write(package.PROJECT, told)}")
    if outcome.swept.left:
        return LEFT
    return DONE if not outcome.stopped and was_kept(outcome.found) else NOT_KEPT


def _sweep(course: Course, account: str | None) -> int:
    noted, others = course.runs()
    for said in course.journal.runs(course.door.place)[1]:
        print(said)
    if not noted and not others:
        print("There is nothing of verify's in this account and region.")
        return DONE
    print(f"Takes away these runs in account {course.door.place['account']}: {', '.join(noted) or 'none'}")
    for run in others:
        print(f"and {run}, which is not of this machine: it may be somebody's, and under way")
    consent.agree(course.door, account, input if sys.stdin.isatty() else None)
    with _held():
        swept = course.sweep([*noted, *others])
    for run, found in swept.items():
        _tell_swept(run, found)
    return LEFT if any(found.left for found in swept.values()) else DONE


def _tell(outcome: Outcome) -> None:
    if outcome.stopped:
        _print(_ended(f"It did not come to its end: {outcome.stopped}"))
    late = 0
    for setting, verdicts in outcome.found.get("verdicts", {}).items():
        print(setting)
        for name, one in verdicts.items():
            late += one["state"] == NOT_IN_TIME
            figures = ", ".join(f"{what} {figure}" for what, figure in one["figures"].items())
            _print(f"{one['state']:<12}{name}: {figures or 'not judged'}", indent=2, more=12)
    for question, answer in outcome.found.get("answers", {}).items():
        _print(f"{question}: {', '.join(f'{what}: {said}' for what, said in answer.items())}", indent=2)
    if late:
        end = f"the trials end after {TRY_SECONDS / 60:.0f} minutes, so that all is away in ten"
        _print(f"{late} of these were not judged: {end}.")
    _tell_swept(outcome.run, outcome.swept)
    print(f"It took {outcome.seconds / 60:.1f} minutes.")


def _tell_swept(run: str, swept: Swept) -> None:
    if swept.left:
        print(f"This is left of run {run}:")
        for one in swept.left:
            _print(one, indent=2)
        print(f"Type {SWEEP} until nothing is left, with credentials that may.")
        return
    tag = "" if swept.by_tag else " and by its tag"
    _print(f"Nothing is left of run {run}, by name in ten services' lists{tag}.")
    if swept.by_tag:
        print("The tag's list lags behind: it has these, which their services do not know:")
    for arn in swept.by_tag:
        _print(arn, indent=2)


def _print(text: str, indent: int = 0, more: int = 2) -> None:
    print(_lines(text, " " * indent, " " * (indent + more)))


def _ended(sentence: str) -> str:
    """Returns it with its full stop, and with the words of `make` for options that it may name."""
    in_make = sentence.replace("--profile", "PROFILE=").replace("--region", "REGION=")
    return f"{in_make}.".replace("?.", "?")


def _lines(text: str, first: str = "", others: str = "") -> str:
    """Returns the text in lines of 80 columns, with these spaces in front. Names stay whole."""
    return textwrap.fill(
        text,
        80,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _say(words: str) -> None:
    """Prints it. Never raises: where nobody reads any more, all must still be taken away."""
    try:
        print(f"  … {words}", flush=True)
    except (OSError, RuntimeError):  # a closed terminal, a `tee` that ^C has ended, a signal within a print
        sys.stdout = io.StringIO()


def _wrong(said: str) -> int:
    print(_lines(_ended(f"verify: {said}")), file=sys.stderr)
    return WRONG


def _interrupt(*_: object) -> None:
    for number in ENDS:  # a terminal that closes may send two
        signal.signal(number, _wait)
    raise KeyboardInterrupt


def _wait(*_: object) -> None:
    _say(f"still takes all away; if this is killed, type {SWEEP}")


@contextmanager
def _held() -> Iterator[None]:
    """Lets ^C and a closed terminal wait while things are taken away."""
    handled: dict[Any, Any] = {one: signal.signal(one, _wait) for one in ENDS}
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make verify-aws", description=__doc__)
    parser.add_argument("--profile", help="of AWS; PROFILE=… for make")
    parser.add_argument("--region", help="REGION=… for make")
    parser.add_argument("--endpoint-url", help="of another AWS; ENDPOINT=… for make")
    parser.add_argument("--account", help="the account's id, where nobody can be asked; ACCOUNT=… for make")
    parser.add_argument("--boundary", help="the ARN of each role's permissions boundary; BOUNDARY=… for make")
    parser.add_argument(
        "--sweep", action="store_true", help="takes away what runs have left; SWEEP=1 for make"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
