"""docs/what-a-worker-may-be.md: each property stands in its place, and the database is written to."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import pytest
from tests import postgres
from tests.project.docs.pages import ROOT, blocks, in_text, read
from tests.project.template.reading import TEMPLATE, parsed, statements, to_cloudformation
from tests.project.template.test_template_lint import findings
from tests.project.template.yours import with_blocks, without_yours
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


# ---- The properties ----


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_all_sections_together(tmp_path: Path) -> None:
    assert len(WITH_PROPERTIES) == 5
    assert findings(tmp_path, followed(*WITH_PROPERTIES)) == ("", 0)


@pytest.mark.slow
@pytest.mark.parametrize("section", WITH_PROPERTIES)
def test_cfn_lint_finds_nothing_in_any_section_alone(tmp_path: Path, section: str) -> None:
    assert findings(tmp_path, followed(*NEEDS.get(section, []), section)) == ("", 0)


@pytest.mark.slow
def test_cfn_lint_finds_nothing_in_an_image(tmp_path: Path) -> None:
    assert findings(tmp_path, with_zigzags_lines_changed(followed("An image"))) == ("", 0)


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


@pytest.mark.skipif(postgres.programs() is None, reason="no PostgreSQL on this machine")
def test_it_stores_an_order_once_on_a_server_with_the_right_certificate_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page: dict[str, Any] = {"__name__": "store_order"}
    code = blocks(SECTIONS["A database"], "python")[0].text
    exec(compile(code, "docs/what-a-worker-may-be.md", "exec"), page)  # noqa: S102 -- our own page
    (tables,) = blocks(SECTIONS["A database"], "sql")

    with postgres.serving() as server, Sandbox({"store_order": page["store_order"]}) as sandbox:
        of_rds = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"), "none")
        names = {"DB_HOST": "localhost", "DB_USER": postgres.USER, "DB_NAME": "postgres"}
        at = {"DB_PORT": str(server.port), "DB_CERTIFICATES": str(server.certificate)}
        for name, value in (of_rds | names | at).items():
            monkeypatch.setenv(name, value)
        with page["transaction"]() as cursor:
            for statement in tables.text.split(";")[:-1]:
                cursor.execute(statement)

        for number in ("A-1", "A-1"):
            page["store_order"].send(page["Order"](number=number, items={"apple": 2}), id=number)
        sandbox.run()
        with page["transaction"]() as cursor:
            cursor.execute("SELECT * FROM items")
            rows = cursor.fetchall()
        page["kept"].pop().close()
        monkeypatch.setenv("DB_CERTIFICATES", certifi.where())
        page["store_order"].send(page["Order"](number="A-2", items={"apple": 2}), id="A-2")
        sandbox.run()

    assert [tuple(row) for row in rows] == [("A-1", "apple", 2)]
    (letter,) = sandbox.dead_letters
    assert "CERTIFICATE_VERIFY_FAILED" in letter.reason
