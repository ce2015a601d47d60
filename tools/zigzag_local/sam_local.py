"""Connects a function in a container of `sam local invoke` to the local AWS."""

from collections.abc import Mapping

from zigzag_local.clients import client_options, session
from zigzag_local.emulator import LOOPBACK
from zigzag_local.running import LocalAws


def variables(aws: LocalAws, outputs: Mapping[str, str], bridge: str) -> dict[str, str]:
    """Returns the values for --env-vars: the deployed functions' variables, with an endpoint that leads here.

    A queue's URL stays as the stack's own functions know it: no call goes there, but to the endpoint.

    outputs -- the outputs of the deployed stack.
    bridge  -- the address of Docker's bridge, on which the local AWS has to listen as well.
    """
    functions = session().client("lambda", **client_options(aws.environment()))
    values: dict[str, str] = {}
    for name in (outputs["ConsumerFunctionName"], outputs["WorkerFunctionName"]):
        values |= functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    # A person waits for the answer.
    values |= {"ZIGZAG_LINGER_SECONDS": "0", "ZIGZAG_WATCH_ALWAYS": "false"}
    return values | {"AWS_ENDPOINT_URL": aws.endpoint.replace(LOOPBACK, bridge)}
