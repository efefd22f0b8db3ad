"""The data dictionary, for people."""

from __future__ import annotations

import pyarrow as pa

from kesheng import schema


def markdown() -> str:
    """The data dictionary of all tables, in Chinese (docs/tables.md)."""
    lines = ["# 数据字典", "", "由 `kesheng tables` 生成。加粗的列在文件夹名中（hive 分区）。"]
    for table in schema.TABLES.values():
        lines += ["", f"## {table.name}", "", f"{table.comment}。", ""]
        lines += ["| 列 | 类型 | 含义 | 单位或范围 |", "|---|---|---|---|"]
        for column in table.columns:
            name = f"**{column.name}**" if column.name in table.partitions else column.name
            kind = "category" if pa.types.is_dictionary(column.type) else str(column.type)
            lines.append(f"| {name} | `{kind}` | {column.comment} | {column.unit} |")
    return "\n".join(lines) + "\n"
