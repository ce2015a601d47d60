"""docs/patterns/once-in-sql.md on SQLite and on PostgreSQL, with real kills, and two runs at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from copy import replace
from functools import partial
from pathlib import Path
from typing import Any

import pg8000.dbapi
import pytest
from tests import postgres
from tests.project.docs.pages import blocks, read

from zigzag import Context, Failed
from zigzag_testing import Sandbox

(SCRIPT,) = [block.text for block in blocks(read("docs/patterns/once-in-sql.md"), "python")]
TASKS, RUN = SCRIPT.split("faults = ")
OPENED = 'sqlite3.connect(":memory:")'
SOLD = {"payer": "Ann", "cents": 500}
PAID = Context(id="payment-1", task="pay")


class Database:
    """A connection as the page uses one. Before its n-th statement, or its commit, it kills its process."""

    def __init__(self, connection: Any, mark: str = "?", dies_at: int = 0) -> None:
        self.connection, self.mark, self._left = connection, mark, dies_at

    def execute(self, statement: str, values: Any = ()) -> Any:
        self._count()
        cursor = self.connection.cursor()
        cursor.execute(statement.replace("?", self.mark), values)
        return cursor

    def rollback(self) -> None:
        self._count()
        self.connection.rollback()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, *_: object) -> None:
        self._count()
        (self.connection.commit if kind is None else self.connection.rollback)()
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            os._exit(9)


class Losing(Database):
    """Commits the first payment, and loses the answer."""

    stored = 0

    def execute(self, statement: str, values: Any = ()) -> Any:
        self.stored += statement.startswith("INSERT INTO payments")
        return super().execute(statement, values)

    def __exit__(self, kind: Any, *_: object) -> None:
        super().__exit__(kind)
        if self.stored == 1:
            self.stored += 1
            raise ConnectionError("no answer to the commit")


type Open = Callable[..., Database]


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.serving() as server:
        yield server


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgres",
            marks=pytest.mark.skipif(postgres.programs() is None, reason="no PostgreSQL on this machine"),
        ),
    ]
)
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Yields what opens connections to one empty database."""
    opened: list[Database] = []

    def open_(connect: Callable[[], Any], mark: str, dies_at: int = 0) -> Database:
        opened.append(Database(connect(), mark, dies_at))
        return opened[-1]

    if request.param == "sqlite":
        again = partial(open_, lambda: sqlite3.connect(tmp_path / "shop", check_same_thread=False), "?")
    else:
        port = request.getfixturevalue("server").port
        connect = partial(
            pg8000.dbapi.connect, postgres.USER, host="localhost", port=port, database="postgres"
        )
        again = partial(open_, connect, "%s")
    yield again
    for database in opened:
        database.connection.close()
    with (last := again()):  # the server is there for the next test, too
        last.execute("DROP TABLE done")
        last.execute("DROP TABLE payments")
    last.connection.close()


def tasks_on(database: Database, *, made: bool = True) -> dict[str, Any]:
    """Returns the names of the script with its tasks on this database, whose tables it makes if it has to."""
    page: dict[str, Any] = {"__name__": "once_in_sql", "DATABASE": database}
    text = "\n".join(line for line in TASKS.splitlines() if not (made and "CREATE TABLE" in line))
    exec(compile(text.replace(OPENED, "DATABASE"), "once-in-sql.md", "exec"), page)  # noqa: S102 -- our page
    return page


def test_the_script_prints_what_the_page_says(opens: Open, capsys: pytest.CaptureFixture[str]) -> None:
    page = tasks_on(database := opens(), made=False)
    database.connection.commit()
    exec(compile(f"faults = {RUN}", "once-in-sql.md", "exec"), page)  # noqa: S102
    (console,) = blocks(read("docs/patterns/once-in-sql.md"), "console")

    assert capsys.readouterr().out.splitlines() == console.text.splitlines()[2:]


@pytest.mark.parametrize("dies_at", range(1, 5))
def test_wherever_it_is_killed_it_is_stored_once(opens: Open, dies_at: int) -> None:
    with (first := opens()):
        tasks_on(first, made=False)
    if (child := os.fork()) == 0:
        try:
            tasks_on(opens(dies_at=dies_at))["pay"](SOLD, PAID)
        finally:  # only if it was not killed
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    tasks_on(first)["pay"](SOLD, PAID)

    assert [list(row) for row in first.execute("SELECT * FROM payments").fetchall()] == [["Ann", 500]]


def test_what_a_task_has_left_uncommitted_is_not_stored(opens: Open) -> None:
    with (database := opens()):
        page = tasks_on(database, made=False)
    assert page["claims"](PAID.task, PAID.id)

    assert page["stored"](PAID.task, PAID.id) is None
    assert page["claims"](PAID.task, PAID.id)


@pytest.mark.parametrize("attempts", [1, 9])
def test_a_commit_whose_answer_is_lost_has_not_failed(opens: Open, attempts: int) -> None:
    with (database := opens()):
        page = tasks_on(database, made=False)
    page["database"] = Losing(database.connection, database.mark)
    page["pay"].policy = replace(page["pay"].policy, attempts=attempts)

    with Sandbox({"pay": page["pay"], "tell_payer": page["tell_payer"]}) as sandbox:
        page["pay"].send(SOLD, id=PAID.id)
        sandbox.run()

    assert [one.outcome for one in sandbox.reports][-1] == "already done"
    assert (page["database"].stored, sandbox.dead_letters) == (2, [])
    assert [list(row) for row in database.execute("SELECT * FROM payments").fetchall()] == [["Ann", 500]]


def test_of_a_payment_and_its_repair_one_counts(opens: Open, capsys: pytest.CaptureFixture[str]) -> None:
    with (database := opens()):
        page = tasks_on(database, made=False)
    repairs = Context(failed=Failed("pay", PAID.id))

    page["pay"](SOLD, PAID)
    page["tell_payer"](SOLD, repairs)
    page["tell_payer"]({"payer": "Bob"}, Context(failed=Failed("pay", "payment-2")))
    page["pay"](SOLD, Context(id="payment-2", task="pay"))

    assert capsys.readouterr().out == "no payment of Bob\n"
    assert len(database.execute("SELECT * FROM payments").fetchall()) == 1
    assert page["claims"]("ship", PAID.id)  # another task of the same order


def test_of_two_runs_at_a_time_the_second_waits_and_stores_nothing(opens: Open) -> None:
    with (first := opens()):
        tasks_on(first, made=False)
    second = tasks_on(opens())
    claimed = tasks_on(first)["claims"]("pay", "payment-1")
    other = threading.Thread(target=second["pay"], args=(SOLD, PAID))
    other.start()
    other.join(0.2)
    waits = other.is_alive()
    first.execute("INSERT INTO payments VALUES (?, ?)", ("Ann", 500))
    first.connection.commit()
    other.join(10)

    assert (claimed, waits) == (True, True)
    assert len(first.execute("SELECT * FROM payments").fetchall()) == 1
