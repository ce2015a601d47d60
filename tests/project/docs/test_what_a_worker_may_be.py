"""docs/what-a-worker-may-be.md: each property stands in its place, and the database is written to."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import certifi
import pytest
from samtranslator.model.exceptions import InvalidDocumentException
from tests import postgres
from tests.project.docs.pages import ROOT, blocks, in_text, read
from tests.project.template.reading import TEMPLATE, parsed, statements, to_cloudformation
from tests.project.template.test_template_lint import run as lint
from tests.project.template.yours import added, with_blocks, without_yours
from tests.projects import append, its_tests, run

from zigzag_project.new import new
from zigzag_testing import Sandbox

PAGE = read("docs/what-a-worker-may-be.md")
FILE = re.compile(r"# (?P<path>(src|tests)/[\w./-]+)\n")

SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
WITH_PROPERTIES = [
    title for title, text in SECTIONS.items() if "# template.yaml, under" in text and title != "An image"
]
NEEDS = {"A file system": ["A VPC"], "A database": ["A VPC"]}
"""A section's links to another one that has to be followed as well."""


def followed(*titles: str) -> str:
    """Returns a project's template, with what those sections put into its places."""
    text = without_yours(TEMPLATE.read_text(encoding="utf-8"), but_markers=True)
    for title in titles:
        text = with_blocks(text, SECTIONS[title])
    return text


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # SAM asks the shell for a region


def worker(text: str) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = to_cloudformation(text)["Resources"]["WorkerFunction"]["Properties"]
    return properties


def allowed(text: str) -> list[Mapping[str, Any]]:
    policy = to_cloudformation(text)["Resources"]["TasksPolicy"]["Properties"]["PolicyDocument"]
    return [one for one in statements(policy) if one.get("Sid") != "SendTasks"]


# ---- The place ----


def test_the_page_names_each_property_that_zigzag_sets_and_no_other() -> None:
    template = parsed(without_yours(TEMPLATE.read_text(encoding="utf-8")))
    sets = {
        *template["Resources"]["WorkerFunction"]["Properties"],
        *template["Globals"]["Function"],
    }
    (line,) = [line for line in SECTIONS["The place"].splitlines() if line.startswith("`Architectures`")]

    assert in_text(line) == sorted(sets)


def test_an_alias_would_take_the_rules_for_events_away_from_the_version_that_is_invoked() -> None:
    """This is why the place of a project may not have `AutoPublishAlias`."""
    changed = to_cloudformation(added(followed(), "the worker function", "AutoPublishAlias: live"))

    config = changed["Resources"]["WorkerFunctionEventInvokeConfig"]["Properties"]
    assert config["Qualifier"] == "live"


@pytest.mark.slow
def test_a_property_that_is_there_twice_is_found(tmp_path: Path) -> None:
    file = tmp_path / "template.yaml"
    file.write_text(added(followed(), "the worker function", "Timeout: 5"), encoding="utf-8")

    linted = lint("cfn-lint", str(file))

    assert linted.returncode != 0
    assert "Timeout" in linted.stdout


# ---- The properties ----


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_all_sections_together(tmp_path: Path) -> None:
    assert len(WITH_PROPERTIES) == 6
    assert findings(tmp_path, followed(*WITH_PROPERTIES)) == ("", 0)


@pytest.mark.slow
@pytest.mark.parametrize("section", WITH_PROPERTIES)
def test_cfn_lint_finds_nothing_in_any_section_alone(tmp_path: Path, section: str) -> None:
    assert findings(tmp_path, followed(*NEEDS.get(section, []), section)) == ("", 0)


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_an_image(tmp_path: Path) -> None:
    assert findings(tmp_path, with_zigzags_lines_changed(followed("An image"))) == ("", 0)


def findings(folder: Path, text: str) -> tuple[str, int]:
    """Returns cfn-lint's words, and its status, on this template."""
    file = folder / "template.yaml"
    file.write_text(text, encoding="utf-8")
    linted = lint("cfn-lint", str(file))
    return linted.stdout + linted.stderr, linted.returncode


@pytest.mark.parametrize(
    ("title", "property_", "value"),
    [
        (
            "A VPC",
            "VpcConfig",
            {"SubnetIds": {"Ref": "WorkerSubnets"}, "SecurityGroupIds": [{"Ref": "WorkerSecurityGroup"}]},
        ),
        ("Layers", "Layers", [{"Ref": "WorkerLayer"}]),
        ("More disk", "EphemeralStorage", {"Size": 2048}),
        (
            "A file system",
            "FileSystemConfigs",
            [{"Arn": {"Ref": "WorkerFiles"}, "LocalMountPath": "/mnt/files"}],
        ),
        ("Tracing", "TracingConfig", {"Mode": "Active"}),
    ],
)
def test_the_worker_gets_it_and_nothing_else_changes(title: str, property_: str, value: Any) -> None:
    before, after = worker(followed()), worker(followed(title))

    assert {name for name in after if after[name] != before.get(name)} == {property_}
    assert after[property_] == value


def test_lambda_may_make_the_workers_network_interfaces_and_a_task_may_not() -> None:
    (statement,) = allowed(followed("A VPC"))

    assert (statement["Effect"], set(statement["Action"])) == (
        "Allow",
        {
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        },
    )
    assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}


def test_a_worker_in_a_vpc_has_an_endpoint_for_each_service_that_zigzag_calls_there() -> None:
    resources = to_cloudformation(followed("A VPC"))["Resources"]
    role = resources["WorkerRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    called = {
        action.partition(":")[0]
        for one in statements(role)
        for action in one["Action"]
        if isinstance(action, str)
    }

    endpoints = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::EC2::VPCEndpoint"]

    assert {one["ServiceName"]["Fn::Sub"].rpartition(".")[2] for one in endpoints} == called - {"logs"}


def test_a_task_may_use_the_file_system_through_its_access_point_only() -> None:
    (statement,) = allowed(followed("A file system"))

    assert statement["Condition"] == {
        "StringEquals": {"elasticfilesystem:AccessPointArn": {"Ref": "WorkerFiles"}}
    }


def test_each_sum_is_right() -> None:
    sums = re.findall(r"^\w.* {2,}(.+) = \$([\d.]+)$", PAGE, re.MULTILINE)

    assert [result for _, result in sums] == [
        f"{math.prod(float(one) for one in re.findall(r'[\d.]+', factors)):.2f}" for factors, _ in sums
    ]
    assert len(sums) == 4


# ---- An image ----


def with_zigzags_lines_changed(text: str) -> str:
    (diff,) = blocks(SECTIONS["An image"], "diff")
    for hunk in diff.text.partition("\n")[2].split("@@\n"):
        old, new_ = (
            "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[0] != other) for other in "+-"
        )
        assert text.count(old) == 1, f"not once in the template:\n{old}"
        text = text.replace(old, new_)
    return text


def test_an_image_is_refused_by_the_place_alone() -> None:
    with pytest.raises(InvalidDocumentException) as refused:
        to_cloudformation(followed("An image"))

    (cause,) = refused.value.causes
    assert "Runtime, Handler, Layers cannot be present when PackageType is of type `Image`" in cause.message


def test_an_image_is_the_worker_after_the_change_and_the_rest_stays() -> None:
    before, after = (
        to_cloudformation(text)["Resources"]
        for text in (followed(), with_zigzags_lines_changed(followed("An image")))
    )

    function = after["WorkerFunction"]["Properties"]
    assert (function["PackageType"], function["Code"]) == ("Image", {"ImageUri": {"Ref": "WorkerImage"}})
    assert set(before["WorkerFunction"]["Properties"]) - set(function) == {"Handler", "Runtime"}
    assert {name for name in after if after[name]["Properties"] != before[name]["Properties"]} == {
        "WorkerFunction"
    }


def test_the_image_has_what_the_package_has() -> None:
    (dockerfile,) = blocks(SECTIONS["An image"], "dockerfile")
    made = read("src/package/package.mk")
    (folders,) = re.findall(r"^build-WorkerFunction: OURS := (.+)$", made, re.MULTILINE)
    template = parsed(TEMPLATE.read_text(encoding="utf-8"))

    assert re.findall(r"/src/(\w+)(?= )", dockerfile.text) == folders.split()
    assert f'CMD ["{template["Resources"]["WorkerFunction"]["Properties"]["Handler"]}"]' in dockerfile.text
    assert f"python:{template['Globals']['Function']['Runtime'].removeprefix('python')}\n" in dockerfile.text
    for path in re.findall(r"/(src/[\w/]+\.\w+)", dockerfile.text):
        assert (ROOT / path).is_file()


# ---- A database ----


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a project of a user's own after the section about databases."""
    folder = tmp_path_factory.mktemp("page") / "project"
    new(folder)
    for block in blocks(SECTIONS["A database"], "python"):
        found = FILE.match(block.text)
        assert found, f"a block that says no file: {block.text}"
        (folder / found["path"]).write_text(block.text[found.end() :], encoding="utf-8")
    table = folder / "src" / "tasks" / "__init__.py"
    table.write_text('TASKS = {"hello": "tasks.hello", "store_order": "tasks.store_order"}\n', "utf-8")
    (packages,) = blocks(SECTIONS["A database"], "text")
    append(folder / "src" / "requirements.txt", packages.text.partition("\n")[2])
    (folder / "template.yaml").write_text(followed("A VPC", "A database"), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_tests_of_the_page_and_of_the_project_pass_after_it(project: Path) -> None:
    done = its_tests(project)

    assert done.returncode == 0, done.stdout
    assert "16 passed" in done.stdout


@pytest.mark.slow
def test_the_page_declares_each_package_that_its_task_imports(project: Path) -> None:
    checked = run(project, sys.executable, "tools/declared.py", ".")

    assert (checked.returncode, checked.stdout) == (0, "every import is declared\n")


# ---- The same task, and a real PostgreSQL ----

needs_postgres = pytest.mark.skipif(postgres.programs() is None, reason="no PostgreSQL on this machine")
TABLES = ("items", "orders")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.serving() as server:
        yield server


class Shop:
    """The page's module, and the database that it writes to."""

    def __init__(self) -> None:
        self.module: dict[str, Any] = {"__name__": "store_order"}
        code = blocks(SECTIONS["A database"], "python")[0].text
        exec(compile(code, "docs/what-a-worker-may-be.md", "exec"), self.module)  # noqa: S102 -- our own page
        self._connect, self.opened = self.module["connect"], list[Any]()
        self.module["connect"] = self.connect
        (tables,) = blocks(SECTIONS["A database"], "sql")
        self.ask(f"DROP TABLE IF EXISTS {', '.join(TABLES)}", *tables.text.split(";")[:-1])

    def connect(self) -> Any:
        self.opened.append(self._connect())
        return self.opened[-1]

    def ask(self, *statements: str) -> Any:
        """Executes the statements over a connection of its own. Returns the rows of the last one."""
        connection = self._connect()
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else None
        finally:
            connection.close()

    def order(self, number: str, **items: int) -> None:
        self.module["store_order"].send(
            self.module["Order"](number=number, items=items), id=f"order-{number}"
        )


@pytest.fixture
def shop(server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name, value in {
        "DB_HOST": "localhost",
        "DB_PORT": str(server.port),
        "DB_USER": postgres.USER,
        "DB_NAME": "postgres",
        "DB_CERTIFICATES": str(server.certificate),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }.items():
        monkeypatch.setenv(name, value)
    shop = Shop()
    yield shop
    for connection in shop.opened:
        with suppress(Exception):  # most are closed
            connection.close()


@pytest.fixture
def sandbox(shop: Shop) -> Iterator[Sandbox]:
    with Sandbox({"store_order": shop.module["store_order"]}) as sandbox:
        yield sandbox


@needs_postgres
def test_a_real_database_has_the_orders_over_one_connection(shop: Shop, sandbox: Sandbox) -> None:
    shop.order("A-1", apple=2, pear=1)
    shop.order("A-2", apple=5)
    sandbox.run()

    assert shop.ask("SELECT order_id, item, count FROM items ORDER BY 1, 2") == [
        ("order-A-1", "apple", 2),
        ("order-A-1", "pear", 1),
        ("order-A-2", "apple", 5),
    ]
    assert len(shop.opened) == 1


@needs_postgres
def test_a_real_database_stores_an_order_once(shop: Shop, sandbox: Sandbox) -> None:
    shop.order("A-1", apple=2)
    shop.order("A-1", apple=2)
    sandbox.run()

    assert shop.ask("SELECT * FROM items") == [("order-A-1", "apple", 2)]
    assert [report.outcome for report in sandbox.reports] == ["succeeded", "succeeded"]


@needs_postgres
def test_a_real_database_has_nothing_of_an_attempt_that_failed(shop: Shop, sandbox: Sandbox) -> None:
    shop.order("A-1", apple=2, pear=0)
    sandbox.run()

    assert [report.outcome for report in sandbox.reports] == ["retry later", "retry later", "dead-letter"]
    assert shop.ask("SELECT * FROM orders") == []


@needs_postgres
def test_an_attempt_that_failed_leaves_no_connection_open(shop: Shop, sandbox: Sandbox) -> None:
    shop.order("A-1", apple=0)
    sandbox.run()

    (count,) = shop.ask("SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")
    assert count == (0,)


@needs_postgres
def test_a_connection_that_the_server_closed_costs_no_attempt(shop: Shop, sandbox: Sandbox) -> None:
    shop.order("A-1", apple=2)
    sandbox.run()
    shop.ask(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    shop.order("A-2", apple=2)
    sandbox.run()

    assert [report.outcome for report in sandbox.reports] == ["succeeded", "succeeded"]
    assert shop.ask("SELECT count(*) FROM orders") == [(2,)]


@needs_postgres
def test_a_server_that_shows_another_certificate_is_not_written_to(
    shop: Shop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_CERTIFICATES", certifi.where())
    shop.order("A-1", apple=2)
    sandbox.run()

    (letter,) = sandbox.dead_letters
    assert "CERTIFICATE_VERIFY_FAILED" in letter.reason
