"""A project of a user's own: what is in it, that it stands alone, and what is said on the way."""

from __future__ import annotations

import ast
import os
import re
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from tests.project.docs.pages import ROOT, blocks, in_text, links
from tests.project.template.reading import parsed
from tests.project.template.yours import added
from tests.projects import files, its_tests, run
from tests.support import slow

from zigzag_project import parts
from zigzag_project.new import new
from zigzag_project.places import split
from zigzag_project.stamp import NAME, ProjectError, Stamp

SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Makes a new project by `make new-project`. Returns its words as well. No test changes the project."""
    folder = tmp_path_factory.mktemp("own") / "shop-queue"
    folder.mkdir()
    done = run(
        ROOT, "make", "--no-print-directory", "new-project", f"DIR={folder}", f"PYTHON={sys.executable}"
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


@pytest.fixture(scope="module")
def project(made: tuple[Path, str]) -> Path:
    return made[0]


@pytest.mark.parametrize(
    ("which", "passed"), [("not good_one", 9), *slow(("", 10))], ids=["without cfn-lint", "all"]
)
def test_its_own_tests_pass(project: Path, which: str, passed: int) -> None:
    done = its_tests(project, "-k", which)

    assert done.returncode == 0, done.stdout
    assert f"{passed} passed" in done.stdout


def test_its_own_check_passes(project: Path) -> None:
    checked = [
        run(project, SCRIPTS / "ruff", "check", "--no-cache", "src/tasks", "tests"),
        run(project, SCRIPTS / "ruff", "format", "--no-cache", "--check", "src/tasks", "tests"),
        run(project, sys.executable, "tools/declared.py", "."),
    ]

    assert [(one.returncode, one.stderr) for one in checked] == [(0, "")] * 3


def test_it_has_the_users_task_and_nothing_of_our_making(project: Path) -> None:
    there = files(project)

    assert {path for path in there if path.startswith("src/tasks/")} == {
        "src/tasks/__init__.py",
        "src/tasks/hello.py",
    }
    assert {path for path in there if path.startswith("tests/")} == {
        "tests/tasks/test_hello.py",
        "tests/zigzag/test_the_project_fits.py",
        "tests/zigzag/test_the_table_of_tasks.py",
    }
    assert {path.partition("/")[0] for path in there if "/" in path} == {
        *(".devcontainer", ".github", "events", "src", "tests", "tools"),
    }
    assert len([path for path in there if not path.startswith(("src/", "tools/"))]) < 30
    assert r"\"task\": \"hello\"" in (project / "events" / "worker-dispatch.json").read_text("utf-8")


def test_nothing_stands_in_the_users_places_but_comments(project: Path) -> None:
    template = parsed((project / "template.yaml").read_text(encoding="utf-8"))

    assert not {"MailFrom"} & set(template["Parameters"])
    assert not {"PageBucket", "NewsTopic"} & set(template["Resources"])
    _, places = split((project / "template.yaml").read_text(encoding="utf-8"))
    lines = [line.strip() for place in places.values() for line in place.splitlines()]
    assert len(places) == 10
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_every_module_imports_only_what_is_there(project: Path) -> None:
    entries = [entry for folder in ("src", "tools") for entry in (ROOT / folder).iterdir()]
    ours = {entry.stem for entry in entries if entry.is_dir() or entry.suffix == ".py"}
    offenders = []
    for file in sorted(project.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                path = name.replace(".", "/")
                there = [project / f"{at}/{path}{end}" for at in ("src", "tools") for end in ("", ".py")]
                if name.partition(".")[0] in ours and not any(one.exists() for one in there):
                    offenders.append(f"{file.relative_to(project)} imports {name}")

    # The command says that there is no demo here.
    assert offenders == ["tools/zigzag_cli/local.py imports zigzag_local.demo.run"]


def test_the_demo_says_what_to_do_instead(project: Path) -> None:
    done = run(project, sys.executable, "-m", "zigzag_cli", "local", "demo")

    assert done.returncode == 1
    assert "use `make up`" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_has_a_name_of_its_own(project: Path) -> None:
    config = tomllib.loads((project / "samconfig.toml").read_text(encoding="utf-8"))
    named = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]

    assert named == "shop-queue"
    assert config["default"]["global"]["parameters"]["stack_name"] == "shop-queue"
    assert config["local"]["global"]["parameters"]["stack_name"] == "shop-queue"
    assert (project / "README.md").read_text(encoding="utf-8").startswith("# shop-queue\n")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("my queue", "my-queue"), ("2nd_queue", "nd-queue"), ("é", "my-queue")],
)
def test_a_stacks_name_is_made_of_the_folders(tmp_path: Path, folder: str, name: str) -> None:
    new(tmp_path / folder)

    config = tomllib.loads((tmp_path / folder / "samconfig.toml").read_text(encoding="utf-8"))
    assert config["default"]["global"]["parameters"]["stack_name"] == name


def test_the_stamp_has_the_version_and_each_file_of_zigzags_as_it_is(project: Path) -> None:
    stamp = Stamp.read(project)

    assert stamp.version == parts.version()
    assert {*stamp.files, *parts.YOURS, NAME} == files(project)
    assert stamp.changed(project) == []
    assert os.access(project / "zigzag", os.X_OK)


# ---- What its makefile and requirements have in common with ours ----


def recipes(makefile: Path) -> dict[str, str]:
    """Returns each target with its recipe, but for what the help says of it."""
    found = re.findall(
        r"^([\w./ -]+):(?! *=)([^\n]*\n(?:\t.*\n)*)", makefile.read_text("utf-8"), re.MULTILINE
    )
    return {target: re.sub(r" ## .*", "", recipe) for target, recipe in found}


def test_an_environment_is_made_as_ours_is(project: Path) -> None:
    ours, its = recipes(ROOT / "Makefile"), recipes(project / "Makefile")

    same = (".venv/ready", ".venv-tools/ready", ".venv-ministack/ready", "setup", "logs", "down")
    assert {target: its[target] for target in same} == {target: ours[target] for target in same}


def test_it_installs_nothing_that_we_do_not_pin(project: Path) -> None:
    def names(file: Path) -> set[str]:
        return {line for line in file.read_text("utf-8").splitlines() if re.match(r"[a-z]", line)}

    ours = {re.split(r"[\[ #]", line)[0] for line in names(ROOT / "requirements.txt")}
    assert names(project / "requirements.txt") <= ours


def test_its_workflow_demands_an_audit_of_each_file_with_pins(project: Path) -> None:
    check = recipes(project / "Makefile")["check"]
    audited = re.findall(r"tools/audit\.py \$\(BIN\)/pip-audit (.+)", check)
    workflow = (project / ".github" / "workflows" / "test.yml").read_text("utf-8")
    texts = {path: (project / path).read_text("utf-8") for path in files(project) if path.endswith(".txt")}

    pinned = {path for path, text in texts.items() if re.search(r"^[\w.-]+==\d", text, re.MULTILINE)}
    assert [{*line.split()} for line in audited] == [pinned]
    assert (project / "tools" / "audit.py").exists()
    assert "run: make check AUDIT=required\n" in workflow


# ---- Its README ----


def test_the_files_that_its_readme_names_are_there(project: Path) -> None:
    text = (project / "README.md").read_text(encoding="utf-8")
    shell = [line for block in blocks(text, "sh") for line in block.text.splitlines()]
    targets = {word.split()[1] for word in [*shell, *in_text(text)] if word.startswith("make ")}
    named = {word for word in in_text(text) if "/" in word and " " not in word} - {"docs/"}

    assert targets <= set(recipes(project / "Makefile"))
    assert [path for path in sorted(named) if not (project / path).exists()] == []
    assert links(text) == []


# ---- What the smoke test finds ----


BROKEN = {
    "src/tasks/hello.py": lambda text: f'import os\n{text}    os.environ["SHOP"]\n',
    "template.yaml": lambda text: (
        added(
            added(text, "the worker function", "EventInvokeConfig: {MaximumRetryAttempts: 2}"),
            "environment variables",
            "TABLE: !Ref Tabel",
        )
        + "  Broken:\n    Value: !Ref Nothing\n"
    ),
    "src/worker/batch.py": lambda text: f"{text}# mine\n",
}


@pytest.fixture(scope="module")
def said_of_broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns what a project's own tests say of mistakes in three files."""
    project = tmp_path_factory.mktemp("broken") / "project"
    new(project)
    for path, edit in BROKEN.items():
        (project / path).write_text(edit((project / path).read_text("utf-8")), encoding="utf-8")
    done = its_tests(project, "tests/zigzag/test_the_project_fits.py")
    assert done.returncode == 1
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        pytest.param("SHOP is not set: add it to template.yaml", id="a variable that no template sets"),
        pytest.param("'Nothing' is not one of", id="a template that CloudFormation would not take"),
        pytest.param("template.yaml names what is not there: Nothing, Tabel", id="a name that nothing has"),
        pytest.param(
            "these are not for the worker function's place in template.yaml: EventInvokeConfig",
            id="a property that would change what Zigzag set",
        ),
        pytest.param(
            f"not as Zigzag {parts.version()} has them: src/worker/batch.py", id="a file of Zigzag's, changed"
        ),
    ],
)
def test_its_own_tests_find_a_mistake(said_of_broken: str, words: str) -> None:
    assert words in said_of_broken


# ---- Where it is made, and what is said ----


@pytest.mark.parametrize("place", [".", ".hidden"], ids=["a folder", "a file"])
def test_a_place_that_is_not_empty_is_left_as_it_is(tmp_path: Path, place: str) -> None:
    (tmp_path / ".hidden").write_text("mine")

    with pytest.raises(ProjectError, match="is not empty"):
        new(tmp_path / place)
    assert files(tmp_path) == {".hidden"}


def test_a_folder_that_may_not_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ProjectError, match="can't be made: "):
        new(tmp_path / "file" / "queue")


def test_its_words_fit_into_80_columns_and_name_the_next_steps(made: tuple[Path, str]) -> None:
    folder, said = made

    assert [line for line in said.splitlines() if len(line) > 80 and str(folder) not in line] == []
    for step in (str(folder), "git init", "make test", "make run", "README.md"):
        assert step in said


def test_make_asks_for_the_folder(tmp_path: Path) -> None:
    done = run(ROOT, "make", "--no-print-directory", "new-project", f"PYTHON={sys.executable}")

    assert done.returncode != 0
    assert "make new-project DIR=../my-queue" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_makefiles_help_fits_into_80_columns(project: Path) -> None:
    done = run(project, "make")

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    for target in ("test", "run", "upgrade"):
        assert f"  make {target}" in done.stdout
