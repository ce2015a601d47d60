"""The user's marked places in template.yaml, and the template without them, or with more in them.

Works on the text, as a person with an editor does: a place begins at its marker and ends with its section.
"""

from __future__ import annotations

import re

from tests.project.docs.pages import blocks

from zigzag_project.places import split

_PLACE = re.compile(r"# template\.yaml, under `YOURS: (?P<place>[\w ]+)`\n")

ADDED = {
    "parameters": """\
ZzProbeParameter:
  Type: String
  Default: probe-
""",
    "environment variables": """\
ZZ_PROBE_TABLE: !Ref ZzProbeTable
ZZ_PROBE_PARAMETER: !Ref ZzProbeParameter
""",
    "the worker function": """\
EphemeralStorage: {Size: 1024}
Layers:
  - !Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:layer:zz-probe:1
""",
    "permissions": """\
- Effect: Allow
  Action: dynamodb:PutItem
  Resource: !GetAtt ZzProbeTable.Arn
""",
    "resources": """\
ZzProbeTable:
  Type: AWS::DynamoDB::Table
  DeletionPolicy: Retain
  UpdateReplacePolicy: Retain
  Properties:
    TableName: zz-probe
    BillingMode: PAY_PER_REQUEST
    AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
    KeySchema: [{AttributeName: id, KeyType: HASH}]
""",
    "outputs": """\
ZzProbeOutput:
  Value: !Ref ZzProbeTable
""",
}
"""Additions of a task that stores something, by place. A fixed name and no limits: theirs to choose.

It is added to the template of any project, so by names that no project has.
"""


def marker(place: str) -> str:
    return f"# ==== YOURS: {place} ===="


def with_a_task(text: str) -> str:
    """Returns the template with `ADDED`."""
    for place, addition in ADDED.items():
        text = added(text, place, addition)
    return text


def added(text: str, place: str, addition: str) -> str:
    """Returns the template with the addition right below the place's marker, indented as that."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if line.strip() == marker(place):
            indent = line[: -len(marker(place))]
            lines.extend(f"{indent}{one}" if one else "" for one in addition.splitlines())
    return "\n".join(lines) + "\n"


def pasted(text: str, place: str, block: str) -> str:
    """Returns the template with a page's block right below the place's marker, just as it is printed."""
    return text.replace(f"{marker(place)}\n", f"{marker(place)}\n{block}", 1)


def with_blocks(text: str, of_page: str) -> str:
    """Returns the template with the YAML of a page's part, each block in the place that it names."""
    for block in blocks(of_page, "yaml"):
        found = _PLACE.match(block.text)
        assert found, f"a block that says no place: {block.text}"
        text = pasted(text, found["place"], block.text[found.end() :])
    return text


def without_yours(text: str, *, but_markers: bool = False) -> str:
    """Empties the user's places: Zigzag's text is left, and the markers if asked."""
    ours, places = split(text)
    return "".join(
        line for line in ours.splitlines(keepends=True) if but_markers or line.strip() not in places
    )
