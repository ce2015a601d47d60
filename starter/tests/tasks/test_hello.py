"""The tests of the task hello."""

from tasks.hello import Greeting, hello
from zigzag_testing import Sandbox


def test_somebody_is_greeted() -> None:
    with Sandbox() as sandbox:
        hello.send(Greeting(name="world"))
        sandbox.run()

    assert [report.outcome for report in sandbox.reports] == ["succeeded"]


def test_nobody_can_not_be_greeted() -> None:
    with Sandbox() as sandbox:
        sandbox.send_message('{"task": "hello", "payload": {}}')
        sandbox.run()

    (letter,) = sandbox.dead_letters
    assert letter.reason == "the payload does not fit hello: name: Field required"
