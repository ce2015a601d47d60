"""The pages of docs/patterns/: what each has, whether all fit one stack, and how they are read.

tests/e2e/test_patterns.py does what they say.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest
from tests.project.docs.pages import PAGES, blocks, links, name_of
from tests.project.docs.patterns import INDEX, PATTERNS, Command, File, Script, parsed, prints, read, write
from tests.project.template import reading
from tests.project.template.reading import TEMPLATE
from tests.project.template.yours import marker, pasted

MAX_LINES = 90
UNDER = re.compile(r"# template\.yaml, under `?YOURS: (?P<place>[\w ]+)`?\n")
TASK = re.compile(r'^    "(\w+)": "tasks\.', re.MULTILINE)
RESOURCE = re.compile(r"^(\w+):$", re.MULTILINE)

EXAMPLE = """\
# A pattern

```python
# src/tasks/ring.py
from zigzag import task
```

```python
# src/tasks/__init__.py, one more line in TASKS
    "ring": "tasks.ring",
```

```python
# src/tasks/__init__.py, one more line in EVENTS
    "s3": "ring",
```

```yaml
# template.yaml, under YOURS: permissions
          - Effect: Allow
```

```toml
# samconfig.toml
parameter_overrides = "Queue2=urgent:6 Description='two words'"
```

```toml
[default.global.parameters]
parameter_overrides = ["DefaultWeight=3"]
```

```console
$ ./zigzag send ring '{
  "who": "Ann"}' \\
    --id a
sent ring …

$ ./zigzag status
```

```python
# send_it.py
print(1)
```

```text
only to be looked at
```
"""


def test_a_page_is_read_as_its_reader_follows_it() -> None:
    page = parsed("a", EXAMPLE)

    assert page.files == [
        File("src/tasks/ring.py", "", "from zigzag import task\n", 4),
        File("src/tasks/__init__.py", ", one more line in TASKS", '    "ring": "tasks.ring",\n', 9),
        File("src/tasks/__init__.py", ", one more line in EVENTS", '    "s3": "ring",\n', 14),
        File("template.yaml", ", under YOURS: permissions", "          - Effect: Allow\n", 19),
        File("send_it.py", "", "print(1)\n", 43),
    ]
    assert page.parameters == {"Queue2": "urgent:6", "Description": "two words", "DefaultWeight": "3"}
    assert page.steps == [
        Command('./zigzag send ring \'{\n  "who": "Ann"}\' \\\n    --id a', ("sent ring …",), 34),
        Command("./zigzag status", (), 39),
        Script("print(1)\n", 43),
    ]


def test_its_files_are_written_where_they_say(tmp_path: Path) -> None:
    (tmp_path / "src/tasks").mkdir(parents=True)
    (tmp_path / "src/tasks/__init__.py").write_text(
        '"""Mine."""\n\nTASKS = {\n    "hello": "tasks.hello",\n}\nEVENTS: dict[str, str] = {}\n'
    )
    (tmp_path / "template.yaml").write_text("a:\n          # ==== YOURS: permissions ====\nb: {}\n")

    for file in parsed("a", EXAMPLE).files:
        write(tmp_path, file)

    written = [(tmp_path / name).read_text() for name in ("src/tasks/__init__.py", "template.yaml")]
    assert written == [
        '"""Mine."""\n\nTASKS = {\n    "hello": "tasks.hello",\n    "ring": "tasks.ring",\n}\n'
        'EVENTS: dict[str, str] = {\n    "s3": "ring",\n}\n',
        "a:\n          # ==== YOURS: permissions ====\n          - Effect: Allow\nb: {}\n",
    ]
    with pytest.raises(AssertionError, match=r"line 9: template\.yaml has no place, under YOURS: gone"):
        write(tmp_path, File("template.yaml", ", under YOURS: gone", "x: y\n", 9))


@pytest.mark.parametrize(
    ("expected", "said", "so"),
    [
        (["sent ring, in the message …"], "sent ring, in the message 19dd\n", True),
        (["sent ring"], "sent ring, in the message 19dd\n", False),
        (["a (1 + …) b …"], "a (1 + 1) b", True),
        (["a", "b"], "a\nc\nb", False),
        (["a", "…", "b"], "a\nc\nb", True),
        (["a", "…"], "a", True),
        (["a"], "", False),
    ],
    ids=str,
)
def test_three_dots_stand_for_anything(expected: list[str], said: str, so: bool) -> None:
    assert prints(expected, said) == so


def test_lines_of_a_log_may_be_among_others() -> None:
    assert prints(["…a…", "b"], "x\nmy a\ny\nb\nz\n", among_others=True)
    assert not prints(["a", "b"], "b\na\n", among_others=True)


# ---- The pages ----


def test_every_page_is_in_the_index() -> None:
    listed = {link.partition("#")[0] for link in links(INDEX.read_text(encoding="utf-8"))}

    assert {page.name for page in PATTERNS} - listed == set()


@pytest.mark.parametrize("page", PATTERNS, ids=lambda page: page.stem)
def test_a_page_says_what_is_promised_and_what_it_costs_on_one_screen_and_shows_its_effect(
    page: Path,
) -> None:
    text = page.read_text(encoding="utf-8")

    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert {"What is promised", "What it costs"} <= set(headings)
    assert len(text.splitlines()) <= MAX_LINES
    assert [step for step in read(page).steps if isinstance(step, Command) and step.prints]


def test_every_block_under_yours_is_printed_as_deep_as_its_place() -> None:
    template, offenders = TEMPLATE.read_text(encoding="utf-8"), []
    whole = template
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8"), "yaml"):
            if not (named := UNDER.match(block.text)):
                continue
            text = block.text.partition("\n")[2]
            marked = re.search(rf"^( *){re.escape(marker(named['place']))}$", template, re.MULTILINE)
            assert marked, f"{name_of(page)}, line {block.line}"
            least = min(len(line) - len(line.lstrip()) for line in text.splitlines() if line.strip())
            if least != len(marked[1]):
                offenders.append(f"{name_of(page)}, line {block.line}")
            whole = pasted(whole, named["place"], text)

    assert offenders == []
    assert reading.parsed(whole)["Resources"]


def test_all_pages_fit_one_project_and_one_stack() -> None:
    said: dict[str, set[str]] = defaultdict(set)
    for page in map(read, PATTERNS):
        for name, value in page.parameters.items():
            said[f"parameter {name}"].add(value)
        for file in page.files:
            if not file.where:
                said[file.path].add(page.name)
            resources = RESOURCE.findall(textwrap.dedent(file.text)) if file.path == "template.yaml" else []
            for name in TASK.findall(file.text) + resources:
                said[name].add(page.name)

    assert {name: values for name, values in said.items() if len(values) > 1} == {}
