"""A task that needs a service, which is away as long as there is a file `away` in the folder CHAOS_FOLDER."""

import uuid

from tasks.chaos import SOON, folder, write

from zigzag import Context, Unavailable, task


@task(attempts=2, backoff=SOON)
def needs_a_service(payload: dict[str, str], context: Context) -> None:
    run = uuid.uuid4().hex
    write("began", context.id, run)
    if (folder() / "away").exists():
        write("failed", context.id, run)
        raise Unavailable("the service is away")
    write("ended", context.id, run)
