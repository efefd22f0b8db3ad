"""Every table's columns: name, type, unit and meaning. Nothing else defines one.

The meanings are in Chinese, because they travel with the Parquet files to
Chinese readers: as field metadata (`comment`, `unit`) of the Arrow schema, and
as the file-level key `kesheng:columns` (JSON) for tools that read only that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa

CATEGORY = pa.dictionary(pa.int32(), pa.string())
TEXT_LIST = pa.list_(pa.string())
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its meaning in Chinese, its unit or range."""

    name: str
    type: pa.DataType
    comment: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """One table of the warehouse.

    partitions: columns that stand in the folder names (`source=bank/dt=…`)
    and therefore not inside the files; hive-aware readers give them back.
    order: columns by which a file is sorted.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns inside the files."""
        return tuple(column for column in self.columns if column.name not in self.partitions)

    def arrow(self) -> pa.Schema:
        """Arrow schema of one file, with comments and units as metadata."""
        fields = [
            pa.field(c.name, c.type, metadata={"comment": c.comment, "unit": c.unit})
            for c in self.stored
        ]
        described = {
            c.name: {"comment": c.comment, "unit": c.unit, "type": str(c.type)}
            for c in self.columns
        }
        metadata = {
            "kesheng:table": self.name,
            "kesheng:comment": self.comment,
            "kesheng:columns": json.dumps(described, ensure_ascii=False),
        }
        return pa.schema(fields, metadata=metadata)


_SOURCE = Column("source", CATEGORY, "来源名称（配置中的 sources.名称）")
_DT = Column("dt", pa.date32(), "反馈发生日（按配置时区，默认北京时间），不是运行日")
_RUN = Column("run_id", CATEGORY, "最后一次改动本行所在文件的运行编号，见 run 表")
_MODEL = Column("model_version", CATEGORY, "情感模型版本")
_TAXONOMY = Column("taxonomy_version", CATEGORY, "指标体系版本")

FEEDBACK = Table(
    "feedback",
    "每行一条客户反馈",
    (
        Column("feedback_id", pa.string(), "反馈的稳定编号；同一条反馈再次读入时不变"),
        _SOURCE,
        Column("source_id", pa.string(), "来源自己的编号；没有则为空"),
        _DT,
        Column("created_at", TIME, "反馈时间", "UTC"),
        Column("text", pa.string(), "清洗并脱敏后的正文"),
        Column("language", CATEGORY, "语言：zh 中文，en 英文，other 其他，und 无法判断"),
        Column("rating", pa.float32(), "评分（原量程）；没有或超出量程为空"),
        Column("nps", pa.float32(), "推荐意愿", "0..10"),
        Column("ces", pa.float32(), "费力度（原量程）"),
        Column("csat", pa.float32(), "满意度（原量程）"),
        Column(
            "extra", pa.map_(pa.string(), pa.string()), "来源的其他列，已脱敏；_note 开头为读入说明"
        ),
        Column("duplicate_of", pa.string(), "与哪条反馈重复（feedback_id）；重复者不进入指标"),
        Column(
            "is_default_text", pa.bool_(), "是否系统默认文本（如“此用户没有填写评价”）；不进入指标"
        ),
        Column("sentiment", pa.float32(), "情感得分，负为不满，正为满意", "-1..1"),
        Column("sentiment_label", CATEGORY, "negative 负面，neutral 中性，positive 正面"),
        Column("sentiment_confidence", pa.float32(), "情感判断的把握（校准后的概率）", "0..1"),
        Column(
            "feedback_type",
            CATEGORY,
            "complaint 投诉，praise 表扬，suggestion 建议，query 咨询；空为无法判断",
        ),
        Column("topic_id", CATEGORY, "主题编号，见 topic 表；空为未归入任何主题"),
        Column("topic_score", pa.float32(), "与主题的余弦相似度", "0..1"),
        Column(
            "severity", pa.int8(), "严重程度：0 无，1 不满，2 指责，3 升级或有人身财产危险", "0..3"
        ),
        _RUN,
        _MODEL,
        _TAXONOMY,
    ),
    partitions=("source", "dt"),
    order=("created_at", "source_id", "feedback_id"),
)

MENTION = Table(
    "mention",
    "每行一次提及：一条反馈的一个分句谈到一个指标",
    (
        Column("feedback_id", pa.string(), "所属反馈"),
        _SOURCE,
        _DT,
        Column("dimension", CATEGORY, "维度代码，见 dimension 表"),
        Column("indicator", CATEGORY, "指标代码，见 dimension 表"),
        Column("polarity", pa.int8(), "-1 不满，0 中性，1 满意", "-1..1"),
        Column("confidence", pa.float32(), "极性的把握", "0.5..1"),
        Column("score", pa.float32(), "分句得分，与极性同号；据此评 1–5 分", "-1..1"),
        Column("start", pa.int32(), "证据在 feedback.text 中的起点", "字符"),
        Column("end", pa.int32(), "证据在 feedback.text 中的终点（不含）", "字符"),
        Column("clause", pa.string(), "所在分句"),
        Column(
            "evidence", TEXT_LIST, "触发本次提及的词语，首个即 text[start:end]，其后为否定词等线索"
        ),
        _RUN,
    ),
    partitions=("source", "dt"),
    order=("feedback_id", "start", "indicator"),
)

REJECTED = Table(
    "rejected",
    "未能使用的行：原因、脱敏后的内容、出处",
    (
        Column("rejected_id", pa.string(), "本行的稳定编号"),
        _SOURCE,
        Column("reason", CATEGORY, "原因代码"),
        Column("message", pa.string(), "原因说明"),
        Column("payload", pa.string(), "脱敏后的原内容（截断）"),
        Column("file", pa.string(), "文件名"),
        Column("row", pa.int64(), "文件中的第几行数据，从 1 起"),
        _RUN,
    ),
    partitions=("source",),
    order=("file", "row", "rejected_id"),
)

TOPIC = Table(
    "topic",
    "主题：首次运行时提取，此后只归类，不重算",
    (
        Column("topic_id", pa.string(), "主题编号"),
        Column("label", pa.string(), "主题名称：最有代表性的词"),
        Column("terms", TEXT_LIST, "主题词，按权重从高到低"),
        Column("weights", pa.list_(pa.float32()), "主题词权重，与 terms 对应"),
        Column("idf", pa.list_(pa.float32()), "主题词的逆文档频率，与 terms 对应"),
        Column("n_fit", pa.int64(), "提取主题时所用的反馈数", "条"),
        _RUN,
    ),
    order=("topic_id",),
)

TOPIC_DIMENSION = Table(
    "topic_dimension",
    "主题与维度的对应：一个主题的反馈主要在谈哪些维度",
    (
        Column("topic_id", pa.string(), "主题编号"),
        Column("topic_label", pa.string(), "主题名称"),
        Column("dimension", CATEGORY, "维度代码"),
        Column("dimension_zh", CATEGORY, "维度名称"),
        Column(
            "weight",
            pa.float64(),
            "该主题（反馈 × 指标）中属于此维度的比例；每个主题合计为 1",
            "0..1",
        ),
        Column("lift", pa.float64(), "与全体反馈相比的提升度；大于 1 为此主题所特有"),
        Column("n_feedback", pa.int64(), "该主题中谈到此维度的反馈数", "条"),
        Column("n_topic", pa.int64(), "该主题的反馈数", "条"),
        Column("evidence", TEXT_LIST, "最常见的证据词语"),
        Column("evidence_ids", TEXT_LIST, "例证的 feedback_id"),
    ),
    order=("topic_id", "dimension"),
)

DIMENSION = Table(
    "dimension",
    "指标字典：每个视图中，指标归入哪个维度",
    (
        Column("view", CATEGORY, "视图代码；canonical 为指标体系自身的维度"),
        Column("dimension", CATEGORY, "该视图中的维度"),
        Column("dimension_zh", CATEGORY, "维度名称"),
        Column("indicator", CATEGORY, "指标代码"),
        Column("indicator_zh", CATEGORY, "指标名称"),
        Column("definition", pa.string(), "维度定义"),
        _TAXONOMY,
    ),
    order=("view", "dimension", "indicator"),
)

RUN = Table(
    "run",
    "运行记录：每次运行、每个来源一行",
    (
        Column("run_id", pa.string(), "运行编号"),
        Column("source", pa.string(), "来源名称"),
        Column("status", CATEGORY, "completed 完成，failed 失败"),
        Column("error", pa.string(), "失败原因"),
        Column("started_at", TIME, "开始时间", "UTC"),
        Column("finished_at", TIME, "结束时间", "UTC"),
        Column("duration_s", pa.float64(), "整次运行的时长", "秒"),
        Column("since", pa.date32(), "只取此日（含）起的反馈；空为不限"),
        Column("until", pa.date32(), "只取此日（含）止的反馈；空为不限"),
        Column("rows_read", pa.int64(), "读入行数 = 新增 + 更新 + 拒绝", "行"),
        Column("rows_kept", pa.int64(), "新增行数", "行"),
        Column("rows_updated", pa.int64(), "更新行数（此前已有同一编号）", "行"),
        Column("rows_rejected", pa.int64(), "拒绝行数，见 rejected 表", "行"),
        Column("rows_outside", pa.int64(), "不在所选日期内、未读入的行数", "行"),
        Column("rows_duplicate", pa.int64(), "所涉分区中标为重复的行数", "行"),
        Column("rows_default_text", pa.int64(), "所涉分区中系统默认文本的行数", "行"),
        Column("pii_masked", pa.int64(), "脱敏的个人信息处数", "处"),
        Column("partitions", pa.int64(), "改写的分区（来源 × 日）数", "个"),
        Column("warnings", TEXT_LIST, "需要留意的事"),
        Column("kesheng_version", pa.string(), "程序版本"),
        Column("model_version", pa.string(), "情感模型版本"),
        Column("taxonomy_version", pa.string(), "指标体系版本"),
        Column("settings_hash", pa.string(), "配置（不含密钥与路径）的哈希"),
    ),
    order=("run_id", "source"),
)

SQ_SCORES = Table(
    "sq_scores",
    "服务质量得分（M01、M02）：时期 × 分组 × 视图 × 维度",
    (
        Column("run_date", pa.date32(), "计算日"),
        Column("period", CATEGORY, "时期：2026-04-13 日，2026-W16 周，2026-04 月，all 全部"),
        Column("group_type", CATEGORY, "分组方式：all 全部，source 来源，或配置的分组列"),
        Column("group_id", CATEGORY, "分组的值"),
        Column("view", CATEGORY, "视图"),
        Column("dimension", CATEGORY, "维度"),
        Column("dimension_zh", CATEGORY, "维度名称"),
        Column("n_reviews", pa.int64(), "谈到该维度的反馈数", "条"),
        Column("n_mentions", pa.int64(), "（反馈 × 指标）对数", "对"),
        Column("mention_share", pa.float64(), "谈到该维度的反馈占全部反馈的比例", "0..1"),
        Column("p_mean", pa.float64(), "感知得分均值，按（反馈 × 指标）加权", "1..5"),
        Column("p_ci_lo", pa.float64(), "感知得分均值 95% 区间下限", "1..5"),
        Column("p_ci_hi", pa.float64(), "感知得分均值 95% 区间上限", "1..5"),
        Column("p_median", pa.float64(), "感知得分中位数", "1..5"),
        Column("p_mode", pa.float64(), "感知得分众数（四舍五入到整数级）", "1..5"),
        Column("p_sd", pa.float64(), "感知得分标准差"),
        Column("n_pos", pa.int64(), "满意的对数", "对"),
        Column("n_neu", pa.int64(), "中性的对数", "对"),
        Column("n_neg", pa.int64(), "不满的对数", "对"),
        Column("net_sentiment", pa.float64(), "净情感 =（满意 - 不满）/ 全部", "-1..1"),
        Column("ns_ci_lo", pa.float64(), "净情感 95% 区间下限", "-1..1"),
        Column("ns_ci_hi", pa.float64(), "净情感 95% 区间上限", "-1..1"),
        Column("neg_share", pa.float64(), "不满占比", "0..1"),
        Column("neg_share_ci_lo", pa.float64(), "不满占比 95% Wilson 区间下限", "0..1"),
        Column("neg_share_ci_hi", pa.float64(), "不满占比 95% Wilson 区间上限", "0..1"),
        Column(
            "neg_share_corrected",
            pa.float64(),
            "按分类误差校正的不满占比；误差尚未测得时为空",
            "0..1",
        ),
        Column("n_indicators_covered", pa.int64(), "有提及的指标数", "个"),
        Column("n_indicators_in_view", pa.int64(), "该维度的指标数", "个"),
        Column("n", pa.int64(), "判断样本是否足够所用的样本量（= n_mentions）", "对"),
        Column("n_min", pa.int64(), "状态为 ok 所需的最小样本量", "对"),
        Column("status", CATEGORY, "ok 可用，low_n 样本偏少，suppressed 样本太少、数值隐去"),
        _MODEL,
        _TAXONOMY,
    ),
    order=("period", "group_type", "group_id", "view", "dimension"),
)

TABLES = {
    table.name: table
    for table in (
        FEEDBACK, MENTION, REJECTED, TOPIC, TOPIC_DIMENSION, DIMENSION, RUN, SQ_SCORES,
    )
}  # fmt: skip
