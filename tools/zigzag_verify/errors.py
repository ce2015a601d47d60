"""The error of verify."""


class VerifyError(Exception):
    """Verify does not go on. The text says why, what to do, and whether anything was made."""
