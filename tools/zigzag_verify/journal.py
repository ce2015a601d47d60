"""Notes on disk what a run will make, before it makes it: so what a killed run has left is found."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from zigzag_verify.errors import VerifyError

FOLDER = Path(".zigzag-verify")


class Journal:
    """The notes in a folder: a file for each run that has left something, or is under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, run: str, place: Mapping[str, str], endpoint: str) -> None:
        """Notes a run. Raises VerifyError if it can't: then nothing may be made."""
        self._write(run, {"run": run, **place, "endpoint": endpoint})

    def will_make(self, run: str, what: str) -> None:
        """Notes a resource by its name."""
        self._write(run, {"makes": what})

    def end(self, run: str) -> None:
        """Forgets the run, of which nothing is left."""
        self._file(run).unlink(missing_ok=True)

    def runs(self, place: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Returns the runs of this account and region, and where the others were, in words."""
        here, elsewhere = [], []
        for file in sorted(self._folder.glob("*.jsonl")):
            try:
                begun = json.loads(file.read_text().splitlines()[0])
                run, region, account = begun["run"], begun["region"], begun["account"]
            except (OSError, ValueError, LookupError, TypeError):
                elsewhere.append(f"{file} can't be read: its run is found by its tag, if it left anything")
                continue
            if (region, account) == (place["region"], place["account"]):
                here.append(str(run))
            else:
                elsewhere.append(f"run {run} was in {region}, in account {account}: sweep there as well")
        return here, elsewhere

    def _file(self, run: str) -> Path:
        return self._folder / f"{run}.jsonl"

    def _write(self, run: str, line: Mapping[str, str]) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._file(run).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise VerifyError(f"the journal can't be written ({error}), so nothing more is made") from error
