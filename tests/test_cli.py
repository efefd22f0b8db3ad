"""The command line: what it prints, writes and returns, and what it says of mistakes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from kesheng import schema
from kesheng.cli import main
from kesheng.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[1]
KESHENG = Path(sys.executable).with_name("kesheng")
CSV = (
    "编号,评价内容,评价时间,星级\n"
    "E1,送来的灯罩碎了，客服两天没回话,2026-04-01 09:10,1\n"
    "E2,安装师傅细心，走线很整齐,2026-04-02 15:30,5\n"
    "E3,,2026-04-02 16:00,4\n"
    "E4,等了一个小时才轮到，太久了,2026-04-05 11:45,2\n"
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """Every test runs in an empty folder, with no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("KESHENG_PRIVACY__KEY", raising=False)
    return tmp_path


@pytest.fixture
def reviews(tmp_path) -> Path:
    """A small file of reviews."""
    path = tmp_path / "reviews.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def kesheng(*arguments: object) -> Result:
    """Run the command line; an exception that is no exit is an error of the test."""
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def feedback(out: Path) -> dict[str, dict]:
    """Rows of `feedback` by their own id."""
    with Warehouse(out).connect() as db:
        rows = db.sql("SELECT * FROM feedback").to_arrow_table().to_pylist()
    return {r["source_id"]: r for r in rows}


def test_run_file_with_guesses(reviews):
    """A file alone is enough: columns are guessed, the guesses printed, tables written to out/."""
    result = kesheng("run", reviews.name)
    assert result.exit_code == 0
    for guess in ("text = '评价内容'", "id = '编号'", "time = '评价时间'", "rating = '星级'"):
        assert guess in result.output
    assert "1 行被拒绝" in result.output
    assert "report.html" in result.output
    found = feedback(Path("out"))
    assert set(found) == {"E1", "E2", "E4"}
    assert found["E2"]["rating"] == 5
    assert found["E1"]["source"] == "reviews"


def test_run_file_with_named_columns(reviews, tmp_path):
    """Named columns are used and not listed as guesses."""
    result = kesheng(
        "run", reviews, "--text", "评价内容", "--id", "编号", "--time", "评价时间", "--rating", "星级",
        "--taxonomy", "base", "--group", "星级", "--out", tmp_path / "o",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "列为推测" not in result.output
    assert len(feedback(tmp_path / "o")) == 3


def test_run_with_wrong_column(reviews):
    """A column that is not there fails the source, naming the nearest one, with status 1."""
    result = kesheng("run", reviews, "--text", "评论内容")
    assert result.exit_code == 1
    assert "是否指 '评价内容'" in result.output


def test_group(reviews):
    """--group makes scores by a column of the file."""
    reviews.write_text(CSV.replace("星级", "门店"), encoding="utf-8")
    assert kesheng("run", reviews, "--group", "门店").exit_code == 0
    table = Warehouse(Path("out")).read(schema.SQ_SCORES).to_pylist()
    assert {"门店", "all", "source"} == {r["group_type"] for r in table}


def test_group_that_is_not_there(reviews):
    """A group column that is not there is warned of, with the nearest one that is."""
    reviews.write_text(CSV.replace("星级", "门店名称"), encoding="utf-8")
    result = kesheng("run", reviews, "--group", "门店名")
    assert result.exit_code == 0
    assert "没有分组列 '门店名'，是否指 '门店名称'" in result.output


def test_quiet(reviews):
    """--quiet prints nothing at all where all is well."""
    result = kesheng("run", reviews, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("out/report.html").exists()


def test_quiet_still_tells_errors(tmp_path):
    """--quiet still prints an error, and nothing else."""
    (tmp_path / "a.csv").write_bytes(b"")
    result = kesheng("run", "a.csv", "--quiet")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "a.csv：文件是空的" in result.stderr


@pytest.fixture
def config(tmp_path, reviews) -> Path:
    """A configuration of two sources."""
    (tmp_path / "b.txt").write_text("停车方便\n队伍太长\n", encoding="utf-8")
    path = tmp_path / "kesheng.toml"
    path.write_text(
        "[warehouse]\npath = 'tables'\n"
        "[sources.shop]\npath = 'reviews.csv'\n[sources.notes]\npath = 'b.txt'\n",
        encoding="utf-8",
    )
    return path


def test_config(config):
    """--config runs every source that is configured."""
    result = kesheng("run", "--config", config)
    assert result.exit_code == 0
    assert len(feedback(Path("tables"))) == 4  # three by id, and those without one


def test_config_with_window_and_source(config):
    """--since, --until and --source narrow the run, and the ledger says so."""
    result = kesheng(
        "run", "--config", config, "--since", "2026-04-02", "--until", "2026-04-02",
        "--source", "shop",
    )  # fmt: skip
    assert result.exit_code == 0
    assert set(feedback(Path("tables"))) == {"E2"}
    (entry,) = Warehouse(Path("tables")).read(schema.RUN, name="r000001").to_pylist()
    assert (str(entry["since"]), str(entry["until"])) == ("2026-04-02", "2026-04-02")
    assert (entry["source"], entry["rows_read"], entry["rows_outside"]) == ("shop", 2, 2)


def test_window_of_a_file(reviews):
    """--since works with a file, too."""
    assert kesheng("run", reviews, "--since", "2026-04-03").exit_code == 0
    assert set(feedback(Path("out"))) == {"E4"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "give either a FILE or --config"),
        (["run", "reviews.csv", "--config", "kesheng.toml"], "give either a FILE or --config"),
        (["run", "--config", "kesheng.toml", "--out", "x", "--id", "y"], "--out, --id: only with"),
        (["run", "reviews.csv", "--source", "x"], "--source: only with --config"),
        (["run", "--config", "none.toml"], "no configuration file 'none.toml'"),
        (["run", "--config", "kesheng.toml", "--source", "shp"], "did you mean 'shop'"),
        (["run", "reviews.csv", "--since", "gestern"], "does not match the format"),
        (
            ["run", "reviews.csv", "--since", "2026-04-02", "--until", "2026-04-01"],
            "--since 2026-04-02 is after --until 2026-04-01",
        ),
        (["run", "reviews.csv", "--taxonomy", "bse"], "base"),
        (["run", "reviews.csv", "--taxonomy", "none.yaml"], "none.yaml"),
        (["run", "reviews.csv", "--out", "s3://x/y"], "only local folders"),
        (["run", "reviews.csv", "--out", "b.txt"], "cannot write to 'b.txt'"),
        (["run", "reviews.csv", "--no-such-option"], "No such option"),
        (["explain"], "Missing argument"),
        (["explain", "好", "--taxonomy", "bse"], "base"),
        (["evaluate", "sentiment", "none.parquet"], "does not exist"),
        (["evaluate", "accuracy", "reviews.csv"], "is not one of"),
        (["evaluate", "sentiment", "reviews.csv"], "not a readable Parquet file"),
        (["nosuchcommand"], "No such command"),
    ],
)
def test_wrong_options(config, arguments, message):
    """A wrong option is answered with what is wrong, without a traceback, with status 2."""
    result = kesheng(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output.replace("\n", "")
    assert "Traceback" not in result.output


def test_wrong_environment(reviews, monkeypatch):
    """A wrong variable is an error of ours, with status 2."""
    monkeypatch.setenv("KESHENG_TOPICS__COUNT", "viele")
    result = kesheng("run", reviews)
    assert result.exit_code == 2
    assert "topics.count" in result.output


def test_busy_warehouse(reviews):
    """A warehouse that another run holds is an error of ours, with status 2."""
    with Warehouse(Path("out")).writing():
        result = kesheng("run", reviews)
    assert result.exit_code == 2
    assert "another run is writing" in result.output


def test_one_source_failed(config):
    """A source that fails makes status 1; the other one's tables are written."""
    Path("b.txt").unlink()
    result = kesheng("run", "--config", config)
    assert result.exit_code == 1
    assert "notes 失败" in result.output
    assert "错误：找不到文件" in result.stderr
    assert set(feedback(Path("tables"))) == {"E1", "E2", "E4"}


def test_all_rows_rejected(tmp_path):
    """A file of which no row can be used makes status 1."""
    (tmp_path / "a.csv").write_text("id,text\n1,\n2,  \n", encoding="utf-8")
    assert kesheng("run", "a.csv").exit_code == 1


def test_no_rows(tmp_path):
    """A file with a header and no rows is nothing new, which is no failure."""
    (tmp_path / "a.csv").write_text("id,text\n", encoding="utf-8")
    result = kesheng("run", "a.csv")
    assert result.exit_code == 0
    assert "没有读到任何行" in result.output


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", PNG),
        ("a.csv", b""),
        ("a.csv", b"\xff\xfe"),
        ("a.csv", b"\x00" * 100),
        ("a.xlsx", b"PK\x03\x04"),
        ("a.parquet", b"PAR1PAR1"),
        ("a.json", b'[{"text": "x"'),
        ("a.json", b"[" * 100_000),
        ("a.zip", b"PK\x05\x06" + bytes(18)),
        ("a.csv.gz", gzip.compress(CSV.encode())[:40]),
        ("a.docx", b"x"),
        ("a", b"x"),
        ("a.csv", "甲,乙\n1,2\n".encode()),
    ],
)
def test_bad_files(tmp_path, name, content):
    """Any file that cannot be read is status 1 and one line that names it; never a traceback."""
    (tmp_path / name).write_bytes(content)
    result = kesheng("run", name)
    assert result.exit_code == 1
    assert f"错误：{name}" in result.stderr
    assert "Traceback" not in result.output


def test_folder_of_nothing(tmp_path):
    """A folder without a readable file is status 1."""
    (tmp_path / "in").mkdir()
    assert kesheng("run", "in").exit_code == 1


# explain and evaluate ---------------------------------------------------------------


def test_explain():
    """`explain` prints words, clauses and mentions with their evidence."""
    result = kesheng("explain", "客服态度很差，等了两个小时。")
    assert result.exit_code == 0
    for part in ("正文：", "分词：", "分句", "提及", "不满", "投诉", "指标体系"):
        assert part in result.output


def test_explain_json():
    """`explain --json` prints JSON whose offsets lead to the evidence, personal data masked."""
    result = kesheng("explain", "客服态度很差，打13912345678也没人接。", "--json")
    assert result.exit_code == 0
    explained = json.loads(result.stdout)
    assert "13912345678" not in result.output
    assert explained["sentiment"] < 0
    assert explained["mentions"]
    for mention in explained["mentions"]:
        text = explained["text"][mention["start"] : mention["end"]]
        assert text == mention["evidence"][0]


@pytest.mark.parametrize("text", ["", "   ", "😊", "\ud83d", "<b></b>"])
def test_explain_odd_texts(text):
    """`explain` has an answer to empty and odd texts."""
    assert kesheng("explain", text, "--json").exit_code == 0


def labelled(path: Path, **columns: list) -> Path:
    """A labelled Parquet file."""
    pq.write_table(pa.table(columns), path)
    return path


def test_evaluate_sentiment(tmp_path):
    """`evaluate sentiment` prints accuracy by domain and in all."""
    path = labelled(
        tmp_path / "l.parquet",
        text=["服务很好，下次再来", "态度恶劣，再也不来了", "非常满意", "太差了"],
        label=[1, 0, 1, 0],
        domain=["酒店", "酒店", "外卖", "外卖"],
    )
    result = kesheng("evaluate", "sentiment", path)
    assert result.exit_code == 0
    for part in ("accuracy", "ece", "酒店", "外卖", "all", "1.0000"):
        assert part in result.output


def test_evaluate_mentions(tmp_path):
    """`evaluate mentions` prints precision, recall and F1 at both levels."""
    explained = json.loads(kesheng("explain", "客服态度很差", "--json").stdout)
    truth = ";".join(f"{m['indicator']}:{m['polarity']}" for m in explained["mentions"])
    path = labelled(tmp_path / "l.parquet", text=["客服态度很差", "今天周三"], labels=[truth, ""])
    result = kesheng("evaluate", "mentions", path)
    assert result.exit_code == 0
    for part in ("precision", "recall", "micro_f1", "dimension", "indicator + polarity"):
        assert part in result.output
    assert result.output.count("1.0000") == 12


def test_evaluate_without_column(tmp_path):
    """A labelled file without the labels is an error that names the nearest column."""
    path = labelled(tmp_path / "l.parquet", text=["好"], lable=[1])
    result = kesheng("evaluate", "sentiment", path)
    assert result.exit_code == 2
    assert "did you mean 'lable'" in result.output


@pytest.mark.parametrize(
    ("what", "columns", "message"),
    [
        ("sentiment", {"text": ["好", None], "label": [1, 0]}, "'text' has nulls"),
        ("sentiment", {"text": ["好", "差"], "label": [1, None]}, "'label' has nulls"),
        (
            "sentiment",
            {"text": pa.array([], pa.string()), "label": pa.array([], pa.int64())},
            "no rows",
        ),
        ("sentiment", {"text": [1, 2], "label": [1, 0]}, "'text' holds int64"),
        ("mentions", {"text": ["好", None], "labels": ["REL.ontime:-1", None]}, "'text' has nulls"),
        ("mentions", {"text": pa.array([], pa.string()), "labels": pa.nulls(0)}, "no rows"),
    ],
)
def test_evaluate_odd_files(tmp_path, what, columns, message):
    """A labelled file with nulls, numbers for texts or no rows is refused with the reason."""
    result = kesheng("evaluate", what, labelled(tmp_path / "l.parquet", **columns))
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("label", ["REL.ontime", "REL.ontime:schlecht"])
def test_evaluate_malformed_labels(tmp_path, label):
    """A label without a polarity is an error of ours that quotes it."""
    result = kesheng(
        "evaluate", "mentions", labelled(tmp_path / "l.parquet", text=["好"], labels=[label])
    )
    assert result.exit_code == 2
    assert label in result.output


# As a process ------------------------------------------------------------------------


def process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [KESHENG, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def test_process_run(reviews):
    """The installed command runs a file: the summary on stdout, nothing on stderr, status 0."""
    done = process("run", reviews)
    assert (done.returncode, done.stderr) == (0, "")
    assert "投诉最多的指标" in done.stdout
    assert len(feedback(Path("out"))) == 3


def test_process_error(tmp_path):
    """The installed command tells of a bad file on stderr, without a traceback, status 1."""
    (tmp_path / "a.csv").write_bytes(PNG)
    done = process("run", "a.csv", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("错误：a.csv")
    assert "Traceback" not in done.stderr


def test_process_in_a_bare_locale(reviews):
    """The installed command works where the locale is C and the output is a pipe."""
    done = subprocess.run(
        [KESHENG, "run", reviews.name], capture_output=True, check=False, timeout=120,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    assert b"Traceback" not in done.stderr


IMPORTED = """
import sys
from kesheng.cli import main
try:
    main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
heavy = {"prefect", "sklearn", "pandas", "duckdb", "pyarrow", "numpy", "scipy"} & set(sys.modules)
print("heavy:", sorted(heavy))
"""


def test_help_imports_nothing_heavy():
    """`--help` loads neither prefect, scikit-learn, pandas nor any other heavy library."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Commands:" in done.stdout
    assert "heavy: []" in done.stdout


@pytest.mark.parametrize("command", [[], ["run"], ["explain"], ["evaluate"], ["train"]])
def test_help(command):
    """Every command explains itself under -h and --help."""
    for option in ("-h", "--help"):
        result = kesheng(*command, option)
        assert result.exit_code == 0
        assert "Usage:" in result.output
