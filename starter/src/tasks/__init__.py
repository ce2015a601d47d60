"""==== YOURS: the table of tasks. A line each: the task's name, and the module that has it. ====

A module is imported when the first message for its task comes.
"""

TASKS = {
    "hello": "tasks.hello",
}

EVENTS: dict[str, str] = {}
"""Which task runs for the message of a sender that can't name one, such as S3: docs/foreign-senders.md."""
