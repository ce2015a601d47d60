"""The rules about what is around the functions: network, runtime, package, tasks, the stack itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from shared.lease import DROP_MARGIN_SECONDS, KEPT_SECONDS
from zigzag_operate.doctor.facts import Facts, Resource, Unknown, listed, statements
from zigzag_operate.doctor.finding import Finding, Found, NotKnown, of_parameter, wrong
from zigzag_operate.doctor.outside import MAX_MEMORY

PYTHON = "python3.13"
"""The runtime whose packages the Makefile makes."""

RUNTIME_ENDS = date(2029, 6, 30)
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"""

NEAR = timedelta(days=180)
INTERFACES = ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface")
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


def judge_parameters(facts: Facts) -> Iterator[Finding | NotKnown]:
    """Tells what CloudFormation would refuse, and the parameters without a value."""
    for name, sentence, change, hazard in facts.problems:
        yield of_parameter(facts, hazard, name, sentence, change)
    for name in facts.more.get("not given", ()):
        yield NotKnown(name, f"a value: write {name}=… into samconfig.toml, or give it by --parameter")


def judge_network(facts: Facts) -> Found:
    """Judges whether a function in a VPC can be there, and reaches AWS."""
    for one in facts.functions:
        vpc = one.get("VpcConfig")
        subnets = listed(vpc.get("SubnetIds")) if isinstance(vpc, Mapping) else []
        if not subnets:
            continue
        role = facts.by_value(one.get("Role"))
        if role is not None and not isinstance(role.properties, Unknown) and not _has_interfaces(facts, role):
            yield wrong(
                "H115",
                one,
                "VpcConfig",
                "its role may not make network interfaces: it can't be deployed",
                f"allow {', '.join(INTERFACES)} (docs/what-a-worker-may-be.md)",
            )
        yield from _way_out(facts, one)


def _has_interfaces(facts: Facts, role: Resource) -> bool:
    text = " ".join(str(one) for one in listed(role.get("ManagedPolicyArns")))
    documents = [one.get("PolicyDocument") for one in listed(role.get("Policies"))]
    documents += [
        one.get("PolicyDocument") for one in facts.resources.values() if role.ref in listed(one.get("Roles"))
    ]
    actions = {str(each) for one in documents for each_of in statements(one) for each in each_of["Action"]}
    return "AWSLambdaVPCAccessExecutionRole" in text or INTERFACES[0] in actions or "ec2:*" in actions


def _way_out(facts: Facts, one: Resource) -> Found:
    ways = facts.more.get("ways out")
    endpoints = " ".join(str(each.get("ServiceName")) for each in facts.of_type("AWS::EC2::VPCEndpoint"))
    if isinstance(ways, Unknown):
        yield NotKnown(f"{one.id}.VpcConfig", ways.needs)
    elif ways is not None:
        if lacking := [name for name in ("sqs", "dynamodb") if name not in ways and "nat" not in ways]:
            yield wrong(
                "H115",
                one,
                "VpcConfig",
                f"its subnets have no NAT gateway and no endpoint of {lacking[0]}: "
                "tasks run, and no message is settled",
                f"add an endpoint of {' and '.join(lacking)} (docs/what-a-worker-may-be.md)",
            )
    elif not all(f".{name}" in endpoints for name in ("sqs", "dynamodb")):
        yield NotKnown(
            f"{one.id}.VpcConfig", "a NAT gateway, or endpoints of SQS and DynamoDB: --live looks for them"
        )


def judge_packages(facts: Facts) -> Found:
    """Judges runtime and processor against the packages that are made for them."""
    for one in facts.functions:
        runtime = one.get("Runtime")
        if isinstance(runtime, Unknown) or one.get("PackageType") == "Image":
            continue
        if runtime != PYTHON:
            yield wrong(
                "H60",
                one,
                "Runtime",
                f"Runtime is {runtime or 'not set'}, and the package is made for {PYTHON}",
                f"set Runtime: {PYTHON}",
            )
        elif (facts.more.get("today") or date.min) > RUNTIME_ENDS - NEAR:
            yield wrong(
                "H60", one, "Runtime", f"Lambda ends {PYTHON} on {RUNTIME_ENDS:%d %B %Y}", "upgrade Zigzag"
            )
        yield from _machine(facts, one)


def _machine(facts: Facts, one: Resource) -> Found:
    machine = "".join(map(str, listed(one.get("Architectures"))))
    wanted = facts.parameters.get("Architecture", machine)
    context = str(one.get("Metadata.ContextPath") or "").rpartition("/")[2]
    built = facts.more.get("built", {}).get(one.id)
    if machine != wanted and one.id in ("ConsumerFunction", "WorkerFunction"):
        said = f"it runs on {machine or 'x86_64'}, and the packages are for {wanted}"
        yield wrong("H60", one, "Architectures", said, "set Architectures: [!Ref Architecture]")
    elif context != machine and not facts.live:
        said = f"its package is built for {context}, and it runs on {machine}"
        change = "set ContextPath: !Sub src/package/${Architecture}"
        yield wrong("H60", one, "Metadata.ContextPath", said, change)
    if built and machine and built != MACHINES.get(machine):
        said = f"the package in .aws-sam/build is for {built}, and it runs on {machine}"
        change = "run sam build again: its compiled modules can't be loaded"
        yield wrong("H60", one, "Architectures", said, change)


def judge_order(facts: Facts) -> Found:
    """Judges whether a worker is deployed after its permissions."""
    for worker in [] if facts.live else facts.some("WorkerFunction"):
        if "TasksPolicy" in facts.resources and "TasksPolicy" not in listed(worker.get("DependsOn")):
            yield wrong(
                "H115",
                worker,
                "DependsOn",
                "it may be deployed before its permissions, and tasks are refused",
                "set DependsOn: TasksPolicy",
            )
    for worker in facts.some("WorkerFunction"):
        for name in listed(worker.get("Events")) and worker.get("Events"):
            yield wrong(
                "H152",
                worker,
                f"Events.{name}",
                "an event comes to the worker that no worker knows",
                "take it away, or send a message to the queue instead",
            )


def judge_tasks(facts: Facts) -> Found:
    """Judges the tasks of src/tasks: can each be loaded, and do its retries fit the time of a message?"""
    most = KEPT_SECONDS - DROP_MARGIN_SECONDS
    if isinstance(beside := facts.more.get("tasks"), Unknown):
        yield NotKnown("the tasks beside it", beside.needs)
        return
    for task in facts.more.get("tasks", ()):
        name = f"task {task['name']}"
        if "error" in task:
            yield Finding(
                "H44", name, None, f"it can't be imported: {task['error']}", "correct it, or its packages"
            )
        elif task["waits"] > most:
            yield Finding(
                "H32",
                name,
                None,
                f"its {task['attempts']} attempts may wait {task['waits'] / 86_400:.0f} days "
                f"in all, and a message older than {most // 86_400} is given up",
                "lower attempts, or the longest of its backoff",
            )


def judge_stack(facts: Facts) -> Found:
    """Judges the deployed stack itself: its deployment, its drift, the memory that its tasks take."""
    if not facts.live:
        return
    status = facts.more.get("status", "")
    if status and status not in WELL:
        yield Finding(
            "H115",
            "the stack",
            None,
            f"its last deployment is {status}: half of it may be there",
            "wait for it, or roll back (docs/operations.md)",
        )
    drift = facts.more.get("drift")
    if drift == "DRIFTED":
        yield Finding(
            "H11", "the stack", None, "it was changed beside its template (drift)", "deploy it again"
        )
    elif drift != "IN_SYNC":
        yield NotKnown("drift", "a look: aws cloudformation detect-stack-drift")
    yield from _memory(facts)
    for name, said in facts.more.get("dry runs", {}).items():
        if isinstance(said, Unknown):
            yield NotKnown(f"{name} (a dry run)", said.needs)
        elif said:
            yield Finding("H9", name, None, f"it can't be invoked: {said}", "mend it, and deploy again")


def _memory(facts: Facts) -> Found:
    memory = facts.more.get("memory")
    if isinstance(memory, Unknown):
        yield NotKnown("the worker's memory", memory.needs)
    elif memory is not None:
        for worker in facts.some("WorkerFunction"):
            size = worker.number("MemorySize")
            if size and memory >= MAX_MEMORY * size:
                yield wrong(
                    "H10",
                    worker,
                    "MemorySize",
                    f"a task took {memory:g} MB of {size:g}: a little more, and Lambda ends the worker",
                    "raise WorkerMemory",
                )
