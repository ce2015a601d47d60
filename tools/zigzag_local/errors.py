"""What can go wrong with the local AWS?"""


class LocalAwsError(Exception):
    """Raised when the local AWS cannot do it; the message says what happened and how to mend it."""


def last_lines(text: str, count: int = 15) -> str:
    """The last `count` lines of a log, indented, to stand under an error's sentence."""
    return "".join(f"\n  {line}" for line in text.rstrip().splitlines()[-count:])
