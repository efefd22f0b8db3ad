"""The flow: under Prefect's test harness, and once for real as `make run` does it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOW = ROOT / "flows" / "nightly.py"

# Prefect and its dependencies warn of things to come that are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def nightly() -> Iterator[ModuleType]:
    """The flow's module, with a Prefect server of the tests' own behind it.

    That server records task runs, which the flow's own defaults would not.
    """
    before = dict(os.environ)
    os.environ["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED"] = "true"
    spec = importlib.util.spec_from_file_location("nightly_flow", FLOW)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield module
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


def write_config(folder: Path, *, path: str = "in.csv") -> Path:
    """A configuration with one source of six rows on three days."""
    rows = [
        ("1", "2026-03-02", "排队太久，窗口太少"), ("2", "2026-03-02", "柜员很热情，办理很快"),
        ("3", "2026-03-03", "态度差，说话不耐烦"), ("4", "2026-03-03", "环境干净，就是停车不方便"),
        ("5", "2026-03-04", "手续太繁琐了，来回跑"), ("6", "2026-03-04", ""),
    ]  # fmt: skip
    lines = ["id,time,text", *(",".join(row[:2]) + f',"{row[2]}"' for row in rows)]
    (folder / "in.csv").write_text("\n".join(lines), encoding="utf-8")
    config = folder / "kesheng.toml"
    config.write_text(
        f'[warehouse]\npath = "out"\n[sources.bank]\npath = "{path}"\n', encoding="utf-8"
    )
    return config


def test_flow_writes_the_warehouse_a_task_a_partition(nightly: ModuleType, tmp_path: Path) -> None:
    """The flow completes, each partition was a task of its own, and the rows balance."""
    state = nightly.nightly(config=str(write_config(tmp_path)), return_state=True)
    assert state.is_completed(), state.message
    counts = duckdb.sql(
        f"SELECT rows_read, rows_kept, rows_rejected FROM '{tmp_path}/out/run/*.parquet'"
    ).fetchall()
    assert counts == [(6, 5, 1)]
    names = sorted(run.name for run in task_runs(state))
    assert names == ["bank 2026-03-02", "bank 2026-03-03", "bank 2026-03-04"]


def task_runs(state: object) -> list:
    """Task runs of a finished flow run, from the server."""
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    flow_run = state.state_details.flow_run_id  # type: ignore[attr-defined]
    with get_client(sync_client=True) as client:
        return client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
        )


def test_flow_run_is_named_by_its_period(nightly: ModuleType, tmp_path: Path) -> None:
    """The name says which days were asked for, and only those are taken."""
    from datetime import date

    from prefect import get_client

    state = nightly.nightly(
        config=str(write_config(tmp_path)), since=date(2026, 3, 3), until=date(2026, 3, 3),
        return_state=True,
    )  # fmt: skip
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.name == "nightly 2026-03-03..2026-03-03"
    days = sorted(path.name for path in (tmp_path / "out/feedback/source=bank").iterdir())
    assert days == ["dt=2026-03-03"]


def test_flow_leaves_a_table_artefact(nightly: ModuleType, tmp_path: Path) -> None:
    """The counts of the run lie in Prefect as the table kesheng-run."""
    from prefect.artifacts import Artifact

    nightly.nightly(config=str(write_config(tmp_path)), return_state=True)
    artefact = Artifact.get("kesheng-run")
    assert artefact is not None
    assert '"rows_read": 6' in str(artefact.data)


def test_flow_fails_with_the_message_and_no_traceback(
    nightly: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A source that cannot be read makes a failed flow run that says which and why."""
    state = nightly.nightly(config=str(write_config(tmp_path, path="gone.csv")), return_state=True)
    assert state.is_failed()
    assert "gone.csv" in state.message
    assert "Traceback" not in caplog.text


def test_only_transient_errors_are_tried_again(nightly: ModuleType) -> None:
    """The retry condition asks the error."""
    from prefect.states import Failed

    from kesheng.errors import SourceError, WarehouseBusyError

    assert nightly.transient(None, None, Failed(data=WarehouseBusyError("busy")))
    assert not nightly.transient(None, None, Failed(data=SourceError("no such column")))
    assert not nightly.transient(None, None, Failed(data=ValueError("defect")))


def test_flow_for_real_on_the_sample(tmp_path: Path) -> None:
    """What `make run` does: a process with no server configured ends clean and balanced."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment = inherited | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "KESHENG_WAREHOUSE__PATH": str(tmp_path / "out"),
    }
    done = subprocess.run(
        [sys.executable, str(FLOW), str(ROOT / "kesheng.toml")],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    for word in ("Traceback", "ERROR", "Exception"):
        assert word not in done.stdout
    assert str(tmp_path / "out") in done.stdout.replace("\n", "")
    assert (tmp_path / "out" / "report.html").exists()
    rows = duckdb.sql(
        "SELECT source, rows_read = rows_kept + rows_updated + rows_rejected, status "
        f"FROM '{tmp_path}/out/run/*.parquet' ORDER BY source"
    ).fetchall()
    assert rows == [
        (s, True, "completed") for s in ("auto", "bank", "ecommerce", "hospital", "retail")
    ]
