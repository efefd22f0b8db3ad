"""However partitions are mapped, the tables are the same."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from small_runs import TEXTS, row, run, settings, tables, write_csv

from kesheng import pipeline


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Two sources of several days, with personal data and duplicates; their tables in turn."""
    folder = tmp_path_factory.mktemp("mapping")
    a = [
        row(n, f"{TEXTS[n % 12]}{TEXTS[(5 * n) % 12]}来过{n}次", day=1 + n % 4) for n in range(110)
    ]
    b = [row(n, day=1 + n % 3) for n in range(20)] + [
        row(60, "请打13912345678找我，谢谢"),
        row(61, ""),
    ]
    sources = {"a": write_csv(folder / "a.csv", a), "b": write_csv(folder / "b.csv", b)}
    run(folder / "out", **sources)
    expected = tables(folder / "out")
    assert sum("feedback/" in name for name in expected) == 7
    assert "topic/part.parquet" in expected
    return sources, expected


def test_in_reverse(tmp_path, inputs):
    """Partitions mapped in any order give the same tables."""
    sources, expected = inputs
    config = settings(tmp_path / "out", **sources)
    pipeline.run(config, map=lambda function, tasks: [function(t) for t in reversed(tasks)])
    assert tables(tmp_path / "out") == expected


def test_processes(tmp_path, inputs):
    """Partitions mapped over freshly spawned processes give the same tables."""
    sources, expected = inputs
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        report = pipeline.run(settings(tmp_path / "out", **sources), map=pool.map)
    assert [c.rows_kept for c in report.counts] == [110, 21]
    assert tables(tmp_path / "out") == expected


# What distributed itself does at its start and end is not ours to judge.
@pytest.mark.filterwarnings("default")
def test_dask_cluster(tmp_path, inputs):
    """Partitions mapped over a local Dask cluster of two processes give the same tables."""
    distributed = pytest.importorskip("distributed", reason="needs the extra: kesheng[dask]")
    sources, expected = inputs
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            local_directory=str(tmp_path / "dask"),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip

        def mapper(function, tasks):
            return client.gather(client.map(function, tasks, pure=False))

        pipeline.run(settings(tmp_path / "out", **sources), map=mapper)
    assert tables(tmp_path / "out") == expected


def test_a_worker_that_dies(tmp_path, inputs):
    """An error in one partition stops the run, and the next run mends the tables."""
    sources, expected = inputs

    class WorkerDiedError(Exception):
        """Ours, for this test."""

    def mapper(function, tasks):
        for number, task in enumerate(tasks):
            if number == 3:
                raise WorkerDiedError
            yield function(task)

    with pytest.raises(WorkerDiedError):
        pipeline.run(settings(tmp_path / "out", **sources), map=mapper)
    assert not (tmp_path / "out" / "_staging").exists()
    run(tmp_path / "out", **sources)
    assert sorted(tables(tmp_path / "out")) == sorted(expected)
