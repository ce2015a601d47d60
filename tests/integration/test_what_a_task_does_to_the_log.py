"""A task sets logging up for itself, prints half a line, closes its output. Zigzag's lines are all there."""

from __future__ import annotations

import json

import pytest
from tests.integration.conftest import WARM
from tests.integration.warm_worker import Ran, WarmWorker, body

SET_UP = {
    "dictConfig": """
        logging.config.dictConfig({"version": 1, "root": {"level": "WARNING", "handlers": []}})
    """,
    "a dictConfig that names our loggers": """
        off = {"level": "CRITICAL", "handlers": [], "propagate": False}
        logging.config.dictConfig({"version": 1, "loggers": {"zigzag": off, "zigzag.task": off}})
    """,
    "basicConfig": """
        logging.basicConfig(force=True, level=logging.CRITICAL, format="mine: %(message)s")
    """,
    "no handler anywhere": """
        for name in ("", "zigzag", "zigzag.task"):
            logger = logging.getLogger(name)
            logger.handlers, logger.disabled, logger.propagate = [], True, False
    """,
    "a filter, a factory and a class of its own": """
        class Silent(logging.LogRecord):
            def getMessage(self):
                return "swallowed"
        logging.setLogRecordFactory(Silent)
        logging.getLogger().addFilter(lambda record: False)
        for handler in logging.getLogger().handlers:
            handler.setFormatter(logging.Formatter("mine: %(message)s"))
            handler.addFilter(lambda record: False)
    """,
    "logging is disabled": "logging.disable(logging.CRITICAL)",
    "logging is shut down": "logging.shutdown()",
    "standard output is closed": "sys.stdout.close(); sys.stderr.close()",
    "standard output is replaced": "sys.stdout = sys.stderr = io.StringIO()",
    "standard output is nothing": "sys.stdout = sys.stderr = None",
    "its descriptor is closed": "os.close(1)",
    "its descriptor goes elsewhere": "os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
    "most descriptors are closed": "os.closerange(3, 64)",
    "most descriptors are closed, and others in their place": """
        os.closerange(3, 64)
        globals()["files"] = [open(os.devnull, "w") for _ in range(40)]
    """,
}

TASKS = """
import io, logging, logging.config, os, sys

@task()
def before(payload: dict[str, Any]) -> None: ...

@task()
def sets_up(payload: dict[str, Any]) -> None:
{code}

@task()
def after(payload: dict[str, Any]) -> None: ...
"""

LOGS = """
@task()
def logs(payload: dict[str, Any], context: Context) -> None:
    context.log.error("order lost", extra={"fields": {"order": 7}})
"""

LAST = "a filter, a factory and a class of its own"
"""After this, a task's own lines say another thing. After all others they are there, too."""


@pytest.fixture(scope="module")
def ran(warm: WARM) -> Ran:
    """Runs a process in which tasks set logging up in each of these ways, one after the other."""
    ways = sorted(SET_UP, key=lambda way: way == LAST)
    sets_up = "@task()\ndef sets_up_{}(payload: dict[str, Any]) -> None:\n{}\n\n"
    code = "".join(sets_up.format(number, body(SET_UP[way])) for number, way in enumerate(ways))
    names = [name for number in range(len(ways)) for name in (f"sets_up_{number}", "logs")]
    with warm() as worker:
        return worker.runs(TASKS.replace("{code}", "    ...") + LOGS + code, "before", *names, "after")


def test_each_delivery_has_its_line_however_a_task_sets_logging_up(ran: Ran) -> None:
    told = [line["task"] for line in ran.said("delivery")]

    assert ran.outcomes == [("succeeded", True)] * (2 + 2 * len(SET_UP)), ran.output
    assert [name for name in told if name != "logs"] == [
        "before",
        *(f"sets_up_{number}" for number in range(len(SET_UP))),
        "after",
    ]
    assert told.count("logs") == len(SET_UP)


def test_its_metrics_are_there_too(worker: WarmWorker) -> None:
    worker.more["ZIGZAG_METRICS"] = "true"
    code = TASKS.replace("{code}", body(SET_UP["dictConfig"]))

    ran = worker.runs(code, "sets_up", "after")

    assert ["_aws" in line for line in ran.said("delivery")] == [True, True]


def test_the_lines_of_context_log_are_there_after_any_set_up(ran: Ran) -> None:
    lines = ran.said("order lost")

    assert len(lines) == len(SET_UP) - 1
    assert {(line["task"], line["attempt"], line["order"]) for line in lines} == {("logs", 1, 7)}


@pytest.mark.parametrize(
    "said", ["setLevel(50)", "logger.addFilter(lambda _: False)", "logger.handlers.clear()"]
)
def test_a_change_of_a_tasks_context_log_is_gone_with_it(worker: WarmWorker, said: str) -> None:
    code = f"""
@task()
def sets_up(payload: dict[str, Any], context: Context) -> None:
    context.log.{said}
"""

    ran = worker.runs(code + LOGS, "sets_up", "logs")

    assert len(ran.said("order lost")) == 1


@pytest.mark.parametrize(
    "printed",
    [
        'print("...", end="")',
        'print("...", end="", flush=True)',
        'sys.stdout.write("...")',
        'sys.stdout.writelines(["a\\n", "..."])',
        'sys.stdout.buffer.write(b"...")',
        'print("...", end="", file=sys.stderr)',
    ],
)
def test_after_half_a_line_that_was_printed_ours_is_one_of_its_own(worker: WarmWorker, printed: str) -> None:
    code = TASKS.replace("{code}", body(printed))

    ran = worker.runs(code, "before", "sets_up", "after", one_pipe=True)

    assert [line["task"] for line in ran.said("delivery")] == ["before", "sets_up", "after"]
    assert "..." in ran.output


@pytest.mark.parametrize("descriptor", [1, 2])
def test_output_that_does_not_wait_for_its_reader_any_more_does_so_again(
    worker: WarmWorker, descriptor: int
) -> None:
    code = TASKS.replace("{code}", f"    os.set_blocking({descriptor}, False)")
    code = code.replace("Any]) -> None: ...", f"Any]) -> None: print(os.get_blocking({descriptor}))")

    ran = worker.runs(code, "before", "sets_up", "after")

    assert [line for line in ran.output if line in ("True", "False")] == ["True", "True"]


def test_printed_lines_stand_where_they_were_printed(worker: WarmWorker) -> None:
    code = TASKS.replace("{code}", '    print("printed")')

    ran = worker.runs(code, "before", "sets_up", "after")

    written = [line if line == "printed" else json.loads(line)["task"] for line in ran.output]
    assert written == ["before", "printed", "sets_up", "after"]


def test_a_process_that_must_end_does_so_with_its_output_closed(worker: WarmWorker) -> None:
    leaves = "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
    code = TASKS.replace("{code}", f"    {leaves}\n    sys.stdout.close(); os.close(1)")

    ran = worker.runs(code, "sets_up", "after")

    assert (ran.answers, ran.status) == ([], 1)
    assert len(ran.said("this environment ends")) == 1
