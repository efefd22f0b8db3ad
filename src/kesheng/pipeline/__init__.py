"""The order of the stages, known here alone.

`run(settings, map=…)` does a whole run; the caller says how partitions are
mapped: in turn, over processes, as Prefect tasks, on a cluster.
"""

from kesheng.pipeline.ingest import Window
from kesheng.pipeline.ledger import SourceCounts
from kesheng.pipeline.partitions import PartitionResult, PartitionTask, process
from kesheng.pipeline.runs import RunReport, run

__all__ = [
    "PartitionResult", "PartitionTask", "RunReport", "SourceCounts", "Window", "process", "run",
]  # fmt: skip
