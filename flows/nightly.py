"""The nightly flow: the library's run, with each partition a Prefect task.

No logic of its own: what is done stands in `kesheng.pipeline`, when and how
often stands here. Run by hand with `python flows/nightly.py [CONFIG]`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

# Defaults for a machine without a Prefect server, set before prefect is
# imported: its embedded server needs more than the 20 s it is given when its
# database is new, calls home, and logs what only its developers can use. It is
# killed when the flow is done; a service that writes to its database then prints
# a traceback (the recorder of task runs, one run in six on a busy machine), so
# those that only keep a diary of the embedded server are off, and its libraries,
# which log to the root logger, are silent. A server of one's own has settings of
# its own. Whoever has set one of these, or PREFECT_API_URL, keeps his own.
for _name, _value in {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}.items():
    os.environ.setdefault(_name, _value)

from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_table_artifact  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.futures import wait  # noqa: E402
from prefect.runtime import flow_run  # noqa: E402
from prefect.states import Completed, Failed  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402
from rich.console import Console  # noqa: E402

from kesheng import pipeline  # noqa: E402
from kesheng.configuration import load  # noqa: E402
from kesheng.errors import KeshengError  # noqa: E402
from kesheng.report import console as report  # noqa: E402

CONFIG = "kesheng.toml"
# An analyst's run may hold the warehouse when the night comes.
WAIT_S = 1800
ARTEFACT_COLUMNS = (
    "source", "status", "rows_read", "rows_kept", "rows_updated", "rows_rejected",
    "rows_duplicate", "rows_default_text", "error",
)  # fmt: skip


def transient(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether a failed task may go better next time; only then is it tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, KeshengError) and error.transient


def as_tasks(
    function: Callable[[pipeline.PartitionTask], pipeline.PartitionResult],
    partitions: Sequence[pipeline.PartitionTask],
) -> Iterator[pipeline.PartitionResult]:
    """Map a function over partitions, each one a Prefect task; paths travel, not frames."""
    run_one = task(
        name="partition",
        task_run_name="{task.name}",
        retries=2,
        retry_delay_seconds=[10, 60],
        retry_condition_fn=transient,
        persist_result=False,
    )(function)
    futures = run_one.map(partitions)
    # All of them, also when one fails: no task may outlive the run it belongs to.
    wait(list(futures))
    for future in futures:
        yield future.result()


def run_name() -> str:
    """Name of a flow run: the days it was asked for."""
    asked = flow_run.parameters
    since, until = asked.get("since"), asked.get("until")
    return f"nightly {since or '…'}..{until or '…'}" if since or until else "nightly 全部"


@flow(
    name="nightly",
    flow_run_name=run_name,
    # Prefect types its own runner as the wrong kind of future.
    task_runner=ThreadPoolTaskRunner(max_workers=2),  # type: ignore[arg-type]
    validate_parameters=True,
)
def nightly(
    config: str = CONFIG,
    since: date | None = None,
    until: date | None = None,
    sources: list[str] | None = None,
) -> State[Any]:
    """Read the configured sources and bring the warehouse up to date.

    Args:
        config: path of kesheng.toml.
        since: first day to take; none takes everything the sources hold.
        until: last day to take.
        sources: names of sources; none runs all.
    """
    try:
        result = pipeline.run(
            load(Path(config)),
            window=pipeline.Window(since, until),
            only=sources or (),
            map=as_tasks,
            wait_s=WAIT_S,
        )
    except KeshengError as error:
        return Failed(message=str(error))
    rows = [{name: getattr(count, name) for name in ARTEFACT_COLUMNS} for count in result.counts]
    create_table_artifact(key="kesheng-run", table=rows, description=f"客声 {result.run_id}")
    report.summary(
        Console(highlight=False),
        run_id=result.run_id,
        warehouse=result.warehouse,
        page=result.page,
        counts=result.counts,
    )
    if result.failed:
        return Failed(message="; ".join(f"{c.source}: {c.error}" for c in result.failed))
    return Completed(message=f"{result.run_id}: {len(result.counts)} sources")


def main() -> int:
    """Run the flow once; the exit status says whether it completed."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a GBK terminal, an emoji
    state = nightly(config=sys.argv[1] if len(sys.argv) > 1 else CONFIG, return_state=True)
    if not state.is_completed():
        print(f"错误：{state.message}", file=sys.stderr)
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(main())
