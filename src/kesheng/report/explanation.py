"""An explanation of one text on a terminal, in Chinese."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

POLARITY = {-1: "[red]不满[/]", 0: "中性", 1: "[green]满意[/]"}
LABEL = {"negative": "负面", "neutral": "中性", "positive": "正面"}
TYPE = {
    "complaint": "投诉",
    "praise": "表扬",
    "suggestion": "建议",
    "query": "咨询",
    None: "无法判断",
}


def show(console: Console, explained: dict[str, Any]) -> None:
    """Print what `pipeline.explain` returns."""
    console.print(f"正文：{escape(explained['text'])}")
    if explained["is_default_text"]:
        console.print("系统默认文本：不是客户所写，不作判断，不进入指标")
    console.print(f"分词：{escape(' / '.join(explained['words']))}")
    console.print(
        f"情感：{explained['sentiment']:+.2f} {LABEL[explained['sentiment_label']]}"
        f"（把握 {explained['sentiment_confidence']:.0%}）　类型：{TYPE[explained['feedback_type']]}"
        f"　严重程度：{explained['severity']}"
    )
    clauses = Table(title="分句", title_justify="left")
    for name in ("分句", "位置", "得分"):
        clauses.add_column(name)
    for c in explained["clauses"]:
        clauses.add_row(escape(c["text"]), f"{c['start']}–{c['end']}", f"{c['sentiment']:+.2f}")
    console.print(clauses)
    mentions = Table(title="提及", title_justify="left")
    for name in ("指标", "维度", "极性", "把握", "位置", "依据"):
        mentions.add_column(name)
    for m in explained["mentions"]:
        mentions.add_row(
            f"{m['indicator']} {m['indicator_zh']}", m["dimension_zh"], POLARITY[m["polarity"]],
            f"{m['confidence']:.0%}", f"{m['start']}–{m['end']}", escape("、".join(m["evidence"])),
        )  # fmt: skip
    console.print(mentions)
    console.print(f"模型 {explained['model_version']}　指标体系 {explained['taxonomy_version']}")
