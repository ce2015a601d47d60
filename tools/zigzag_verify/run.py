"""A run from its rehearsal to its sweep, which comes whatever happens before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from zigzag_operate.causes import cause
from zigzag_operate.errors import OperateError
from zigzag_verify.clock import Clock
from zigzag_verify.consent import check_quota
from zigzag_verify.door import Door, LateError, NotPlannedError
from zigzag_verify.errors import VerifyError
from zigzag_verify.finding import runs_there
from zigzag_verify.journal import Journal
from zigzag_verify.names import bucket_of
from zigzag_verify.package import Packages
from zigzag_verify.plan import MAKE_SECONDS, READ_SECONDS, TRY_SECONDS
from zigzag_verify.rehearsal import rehearse
from zigzag_verify.stacks import Made, make
from zigzag_verify.sweep import PASS_SECONDS, SWEEP_SECONDS, Swept, sweep

type Say = Callable[[str], object]
type Tries = Callable[[Door, Mapping[str, Made], Clock, float, Say], dict[str, Any]]

INTERRUPTED = "interrupted"


@dataclass
class Outcome:
    """The result of a run.

    found   -- facts, by their kind.
    stopped -- why it did not come to its end, or None.
    seconds -- from the consent to the end of the sweep.
    """

    run: str
    found: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    swept: Swept = field(default_factory=Swept)
    seconds: float = 0.0


@dataclass(frozen=True)
class Course:
    """The ways of a run.

    build -- makes what is deployed, for the bucket of that name.
    tries -- tries the stacks until a time, and returns what it finds.
    held  -- while it is entered, ^C waits.
    """

    door: Door
    journal: Journal
    clock: Clock
    say: Say
    build: Callable[[str], Packages]
    tries: Tries
    held: Callable[[], AbstractContextManager[object]] = nullcontext

    def verify(self, run: str) -> Outcome:
        """Raises VerifyError if nothing may be made. After that, all errors are in what it returns."""
        began = self.clock.now()
        self._until(began + READ_SECONDS)
        try:
            check_quota(self.door)  # once more: somebody has read and typed
            rehearse(self.door, run, self.clock)
        except (BotoCoreError, ClientError) as error:
            raise VerifyError(f"{cause(error)}. Nothing was made") from error
        outcome = Outcome(run)
        self.journal.begin(run, self.door.place, self.door.client("sqs").meta.endpoint_url)
        try:
            self.say("builds the functions")
            packages = self.build(bucket_of(run))
            self.say("makes the stacks: two to three minutes on AWS")
            until = self.clock.now() + MAKE_SECONDS
            made = make(self.door, run, packages, self.journal, self.clock, until)
            outcome.found = self.tries(self.door, made, self.clock, began + TRY_SECONDS, self.say)
        except KeyboardInterrupt:
            outcome.stopped = INTERRUPTED
        except (LateError, VerifyError, OperateError, NotPlannedError) as error:
            outcome.stopped = str(error)
        except (BotoCoreError, ClientError) as error:
            outcome.stopped = cause(error)
        except Exception as error:  # a mistake of verify's own: what was made must go all the same
            outcome.stopped = f"{type(error).__name__}: {error}"
        with self.held():
            outcome.swept = self._take_away(run)
        outcome.seconds = self.clock.now() - began
        return outcome

    def sweep(self, runs: list[str]) -> dict[str, Swept]:
        """Takes away what other runs have left."""
        return {run: self._take_away(run) for run in runs}

    def runs(self) -> tuple[list[str], list[str]]:
        """Returns the runs to sweep: those of the journal, and others that the account shows."""
        noted, _ = self.journal.runs(self.door.place)
        return noted, sorted(runs_there(self.door) - {*noted})

    def _take_away(self, run: str) -> Swept:
        self.say("takes everything away: two minutes on AWS")
        self._until(self.clock.now() + SWEEP_SECONDS + PASS_SECONDS)
        swept = sweep(self.door, run, self.clock)
        if not swept.left:
            self.journal.end(run)
        return swept

    def _until(self, time: float) -> None:
        """Lets no call pass after that time: a service that hangs does not make a run longer."""

        def pass_by(action: str, parameters: Mapping[str, Any]) -> None:
            if self.clock.now() > time:
                raise LateError

        self.door.pass_by = pass_by
