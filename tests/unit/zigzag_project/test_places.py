"""A file is split at the user's places, emptied of them, and joined again."""

from __future__ import annotations

import pytest
from tests.project.template.reading import TEMPLATE

from zigzag_project.places import emptied, joined, split

TEXT = """\
Parameters:
  Schedule:
    Type: String

  # ==== YOURS: parameters ====
  # Such as a name.
  Name:
    Type: String

Resources:
  Worker:
    Variables:
      # ==== YOURS: variables ====
      NAME: !Ref Name

  # ==== YOURS: resources ====

  Table:
    Type: Table
"""

OURS = """\
Parameters:
  Schedule:
    Type: String

  # ==== YOURS: parameters ====
Resources:
  Worker:
    Variables:
      # ==== YOURS: variables ====
  # ==== YOURS: resources ====
"""


def test_a_place_ends_at_the_next_marker_or_where_less_is_indented() -> None:
    ours, places = split(TEXT)

    assert ours == OURS
    assert places == {
        "# ==== YOURS: parameters ====": "  # Such as a name.\n  Name:\n    Type: String\n\n",
        "# ==== YOURS: variables ====": "      NAME: !Ref Name\n\n",
        "# ==== YOURS: resources ====": "\n  Table:\n    Type: Table\n",
    }


@pytest.mark.parametrize("text", [TEXT, TEMPLATE.read_text(encoding="utf-8"), "no place\n", ""])
def test_a_text_that_is_split_can_be_joined_again(text: str) -> None:
    assert joined(*split(text)) == text


def test_a_marker_that_was_written_twice_is_no_longer_zigzags_text() -> None:
    assert split(TEXT + "  # ==== YOURS: resources ====\n")[0] != OURS


def test_an_emptied_place_keeps_its_comment_and_the_blank_line_behind_it() -> None:
    assert (
        emptied(TEXT)
        == """\
Parameters:
  Schedule:
    Type: String

  # ==== YOURS: parameters ====
  # Such as a name.

Resources:
  Worker:
    Variables:
      # ==== YOURS: variables ====

  # ==== YOURS: resources ====
"""
    )
