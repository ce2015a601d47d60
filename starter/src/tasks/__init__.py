"""==== YOURS: the table of tasks. A line each: the task's name, and the module that has it. ====

A module is imported when the first message for its task comes.
"""

TASKS = {
    "hello": "tasks.hello",
}
