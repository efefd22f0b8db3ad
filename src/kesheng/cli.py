"""The command line: run, explain, evaluate, tables, train.

Imports of the library stand inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kesheng.errors import KeshengError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from kesheng.settings import Settings


class _Group(click.Group):
    """Prints an error of ours as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a GBK terminal, a text with an emoji
                stream.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except KeshengError as error:
            click.secho(f"错误：{error}", fg="red", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kesheng")
def main() -> None:
    """客声 kesheng: Chinese customer feedback to traceable service-quality tables."""


_DAY = click.DateTime(["%Y-%m-%d"])


@main.command()
@click.argument("file", required=False)
@click.option("--config", type=click.Path(path_type=Path), help="kesheng.toml with the sources.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the tables [default: out].")
@click.option("--text", help="Column of the text; guessed if not named, as are the next three.")
@click.option("--id", "id_", help="Column of the row's own id.")
@click.option("--time", help="Column of the time.")
@click.option("--rating", help="Column of the rating (1..5).")
@click.option("--taxonomy", help="Shipped taxonomy by name, or a YAML file [default: base].")
@click.option("--group", help="Column to group the scores by, such as 门店.")
@click.option("--since", type=_DAY, help="First day to take.")
@click.option("--until", type=_DAY, help="Last day to take.")
@click.option("--source", multiple=True, help="With --config: only this source (repeatable).")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def run(
    file: str | None, config: Path | None, since: datetime | None, until: datetime | None,
    source: tuple[str, ...], quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Turn feedback into tables: one FILE without configuration, or the sources of --config."""
    from rich.console import Console

    from kesheng import pipeline
    from kesheng.report import console as report

    settings = _settings(file, config, source, options)
    if since and until and since > until:
        raise SettingsError(f"--since {since:%Y-%m-%d} is after --until {until:%Y-%m-%d}")
    window = pipeline.Window(_day(since), _day(until))
    console = Console(quiet=quiet, highlight=False)
    with _progress(quiet) as progress:
        result = pipeline.run(settings, window=window, only=source, progress=progress)
    if len(result.failed) < len(result.counts):
        report.summary(
            console,
            run_id=result.run_id,
            warehouse=result.warehouse,
            page=result.page,
            counts=result.counts,
        )
    for count in result.failed:
        click.secho(f"错误：{count.error}", fg="red", err=True)
    if result.failed or all(c.rows_read == c.rows_rejected > 0 for c in result.counts):
        sys.exit(1)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _settings(
    file: str | None, config: Path | None, source: tuple[str, ...], options: dict[str, Any]
) -> Settings:
    if (file is None) == (config is None):
        raise SettingsError("give either a FILE or --config kesheng.toml")
    if config is not None:
        given = [f"--{name.strip('_')}" for name, value in options.items() if value is not None]
        if given:
            raise SettingsError(
                f"{', '.join(given)}: only with a FILE; with --config, write it in {config.name}"
            )
        from kesheng.configuration import load

        return load(config)
    if source:
        raise SettingsError("--source: only with --config")
    from kesheng.configuration import of_file

    columns = {"text": "text", "id_": "id", "time": "time", "rating": "rating"}
    named = {role: options[name] for name, role in columns.items() if options[name] is not None}
    return of_file(
        str(file), columns=named, out=options["out"], taxonomy=options["taxonomy"],
        group=options["group"],
    )  # fmt: skip


class _progress:  # noqa: N801 - used like a function
    """A progress bar on a terminal; nothing elsewhere or when quiet."""

    def __init__(self, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console,
            transient=True, disable=quiet or not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("准备", total=None)

    def __enter__(self) -> Callable[[str, int, int | None], None]:
        self._bar.start()
        return self._update

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _update(self, stage: str, done: int, total: int | None) -> None:
        self._bar.update(self._task, description=stage, completed=done, total=total)


@main.command()
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--taxonomy", default="base", show_default=True, help="Shipped name or YAML file.")
def explain(text: str, as_json: bool, taxonomy: str) -> None:
    """Show what one TEXT becomes: cleaned text, words, clauses, scores, mentions and why."""
    from rich.console import Console

    from kesheng.configuration import check
    from kesheng.pipeline.explain import explain as explained
    from kesheng.report.explanation import show

    settings = check({"aspects": {"taxonomy": taxonomy}})
    result = explained(text, settings)
    if as_json:
        import json

        click.echo(json.dumps(result, ensure_ascii=False, indent=1))
    else:
        show(Console(highlight=False), result)


@main.command()
@click.argument("what", type=click.Choice(["sentiment", "mentions"]))
@click.argument("labelled", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--backend", type=click.Choice(["ngram", "snownlp"]), default="ngram", show_default=True
)
@click.option("--taxonomy", default="base", show_default=True, help="Shipped name or YAML file.")
def evaluate(what: str, labelled: Path, backend: str, taxonomy: str) -> None:
    """Measure accuracy on a labelled Parquet file.

    sentiment: columns text, label (1 praise, 0 complaint) and, if there, domain.
    mentions: columns text, labels (indicator:polarity;…) and, if there, optional.
    """
    from rich.console import Console

    from kesheng.configuration import check
    from kesheng.pipeline import evaluation

    settings = check({"aspects": {"taxonomy": taxonomy}, "sentiment": {"backend": backend}})
    measure = {"sentiment": evaluation.sentiment, "mentions": evaluation.mentions}[what]
    _print_table(Console(highlight=False), measure(labelled, settings))


def _print_table(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(table)


@main.command()
def tables() -> None:
    """Print the data dictionary: every table and column with its meaning (Markdown)."""
    from kesheng.report.dictionary import markdown

    click.echo(markdown(), nl=False)


@main.group()
def train() -> None:
    """Train the shipped models from labelled files."""


@train.command("sentiment")
@click.argument("labelled", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--dev",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Labelled file kept out of training, for the figures of the model card.",
)
@click.option("--models", type=click.Path(file_okay=False, path_type=Path), default=Path("models"),
              show_default=True, help="Folder to write to.")  # fmt: skip
def train_sentiment(labelled: Path, dev: Path, models: Path) -> None:
    """Train the sentiment model on LABELLED (Parquet: text, label 1 praise / 0 complaint)."""
    from rich.console import Console

    from kesheng.pipeline import evaluation

    _print_table(Console(highlight=False), evaluation.train_sentiment(labelled, dev, models))
