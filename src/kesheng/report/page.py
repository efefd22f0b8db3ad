"""One offline HTML page about the last run. Review texts are hostile: everything is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from kesheng.report import findings
from kesheng.report.console import Counts
from kesheng.warehouse import Warehouse

FILE = "report.html"
STATUS = {"ok": "可用", "low_n": "样本偏少", "suppressed": "样本太少"}


def write(warehouse: Warehouse, *, run_id: str, counts: Sequence[Counts]) -> Path:
    """Write `<warehouse>/report.html`, whole and at once.

    Returns:
        Its path.
    """
    environment = Environment(
        loader=PackageLoader("kesheng.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    text = environment.get_template("page.html").render(
        run_id=run_id,
        counts=counts,
        complaints=findings.complaints(warehouse),
        scores=findings.scores(warehouse),
        topics=findings.topics(warehouse),
        view=findings.DEFAULT_VIEW,
        status=STATUS,
    )
    target = warehouse.path / FILE
    temporary = warehouse.staging(run_id) / FILE
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(target)
    return target
