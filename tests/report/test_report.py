"""Reports show hostile texts as text, and have something to say of nothing."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from kesheng import pipeline
from kesheng.configuration import check
from kesheng.pipeline.explain import explain
from kesheng.report import console, explanation, findings, page
from kesheng.warehouse import Warehouse

# Each complains, so that its clause is shown as an example.
HOSTILE = (
    "态度恶劣<script>alert(1)</script>的客服",
    "排队太久'\" onmouseover='x()'",
    "&lt;img src=x onerror=alert(1)&gt;包装破损严重",
    "[red]一直不发货[/red][/]真的太慢了",
    "{{ 7*7 }}收费不合理{% raw %}",
    "价格太贵[link=file:///etc/passwd]点我[/link]",
)


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag with its attributes' names."""
        self.seen += [(tag, name) for name, _ in attrs] or [(tag, "")]

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text.append(data)


def parsed(html: str) -> Tags:
    """Tags and text of a page."""
    tags = Tags()
    tags.feed(html)
    tags.close()
    return tags


def run(folder: Path, *texts: str) -> pipeline.RunReport:
    """A run over JSON texts; the source's name is hostile to markup, too."""
    file = folder / "a[red].jsonl"
    lines = [
        json.dumps({"id": str(i), "time": "2026-03-05", "text": t}) for i, t in enumerate(texts)
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    settings = check(
        {"warehouse": {"path": str(folder / "out")}, "sources": {"a": {"path": str(file)}}}
    )
    return pipeline.run(settings)


def shown(report: pipeline.RunReport, width: int = 200) -> str:
    """The summary on a terminal without colours."""
    out = io.StringIO()
    console.summary(
        Console(file=out, width=width, highlight=False), run_id=report.run_id,
        warehouse=report.warehouse, page=report.page, counts=report.counts,
    )  # fmt: skip
    return out.getvalue()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> pipeline.RunReport:
    """A run over hostile texts."""
    return run(tmp_path_factory.mktemp("hostile"), *HOSTILE, *HOSTILE)


def test_page_escapes_texts(hostile):
    """The page holds no tag and no attribute but those of its template."""
    empty = {
        "html", "head", "body", "meta", "title", "style", "h1", "h2", "p", "div", "table", "tr",
        "th", "td", "i", "br", "span",
    }  # fmt: skip
    tags = parsed(hostile.page.read_text(encoding="utf-8"))
    assert {tag for tag, _ in tags.seen} <= empty
    assert {name for _, name in tags.seen} <= {
        "", "lang", "charset", "name", "content", "http-equiv", "class", "style", "colspan",
    }  # fmt: skip


def test_page_shows_texts(hostile):
    """The hostile clauses are there to be read, as the texts that they are."""
    text = "".join(parsed(hostile.page.read_text(encoding="utf-8")).text)
    assert "[red]一直不发货" in text
    assert "49" not in text.split("投诉最多的指标")[1].split("服务质量得分")[0]


def test_page_loads_nothing(hostile):
    """The page names no address and no script: it works offline, and calls nobody."""
    html = hostile.page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


def test_page_of_hostile_errors(tmp_path):
    """A file name and an error with tags in them are text on the page."""
    file = tmp_path / "<b onclick=x>.csv"
    file.write_text("<img src=x>,乙\n1,2\n", encoding="utf-8")
    settings = check(
        {"warehouse": {"path": str(tmp_path / "out")}, "sources": {"a": {"path": str(file)}}}
    )
    html = pipeline.run(settings).page.read_text(encoding="utf-8")
    assert "&lt;img src=x&gt;" in html
    assert not {"img", "b"} & {tag for tag, _ in parsed(html).seen}


def test_page_of_an_empty_warehouse(tmp_path):
    """A page can be written from a warehouse without a single table."""
    warehouse = Warehouse(tmp_path / "out")
    with warehouse.writing() as run_id:
        path = page.write(warehouse, run_id=run_id, counts=[])
    html = path.read_text(encoding="utf-8")
    for sentence in ("没有发现投诉", "还没有可以计算的提及", "尚未提取主题"):
        assert sentence in html


def test_page_of_nothing_usable(tmp_path):
    """A run in which every row is rejected has its page and its summary."""
    report = run(tmp_path, "", " ")
    assert "没有发现投诉" in report.page.read_text(encoding="utf-8")
    assert "2 行被拒绝" in shown(report)


def test_summary_escapes_markup(hostile):
    """Square brackets in texts are printed as they are, not taken for rich's markup."""
    text = shown(hostile)
    assert "[red]" in text
    assert "12" in text


def test_summary_of_hostile_error(tmp_path):
    """Brackets in an error, such as a closing tag that was never opened, are printed."""
    file = tmp_path / "a.csv"
    file.write_text("[/red],[bold]\n1,2\n", encoding="utf-8")
    settings = check(
        {"warehouse": {"path": str(tmp_path / "out")}, "sources": {"a": {"path": str(file)}}}
    )
    text = shown(pipeline.run(settings))
    assert "a 失败" in text
    assert "[/red], [bold]" in text


def test_summary_on_a_narrow_terminal(hostile):
    """A terminal of 40 columns still gets its counts and findings."""
    text = shown(hostile, width=40)
    assert f"运行 {hostile.run_id}" in text
    assert " 12 " in text
    assert "投诉最多的指标" in text


def test_complaints_are_counted_by_feedback(tmp_path):
    """A finding counts feedback, not mentions, and its example is a clause of that feedback."""
    report = run(tmp_path, "发货太慢了，真的发货太慢。", "发货太慢，等了一周。", "很好")
    found = {c.indicator: c for c in findings.complaints(Warehouse(report.warehouse))}
    assert found
    assert all(c.n_negative <= c.n_feedback <= 2 for c in found.values())
    assert max(c.n_negative for c in found.values()) == 2
    assert all("太慢" in c.example or "一周" in c.example for c in found.values())


def test_page_says_what_the_finding_says(tmp_path):
    """Each number on the page is the finding's, and its example leads to its feedback_id."""
    report = run(tmp_path, "发货太慢了，真的发货太慢。", "发货太慢，等了一周。")
    html = report.page.read_text(encoding="utf-8")
    for c in findings.complaints(Warehouse(report.warehouse)):
        assert f"{c.n_negative} / {c.n_feedback}" in html
        assert c.feedback_id in html


@pytest.mark.parametrize("text", [*HOSTILE, "", "😊", "?!", "x" * 5000])
def test_explanation_of_anything(text):
    """Any text can be explained, and its brackets are printed as they are."""
    explained = explain(text, check({}))
    out = io.StringIO()
    explanation.show(Console(file=out, width=20_000, highlight=False), explained)
    assert explained["text"] in out.getvalue()
    assert all(
        explained["text"][m["start"] : m["end"]] == m["evidence"][0] for m in explained["mentions"]
    )
