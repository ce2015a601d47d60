"""The error of the local AWS."""


class LocalAwsError(Exception):
    """The local AWS can't do it. The text says what happened, and how to correct it."""


def last_lines(text: str, count: int = 15) -> str:
    """Returns the last `count` lines of a log, indented, to show below an error's sentence."""
    return "".join(f"\n  {line}" for line in text.rstrip().splitlines()[-count:])
