"""Files: a path, folder or glob → documents → batches; archives are opened."""

from __future__ import annotations

import glob
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from kesheng.errors import SourceError, choices
from kesheng.settings import FileSource
from kesheng.sources.batches import Document, RawBatch
from kesheng.sources.formats import READERS, SUFFIXES


def read(source: FileSource) -> Iterator[RawBatch]:
    """Read all files of a source, in the order of their names, in batches.

    Raises:
        SourceError: naming the file and what is wrong with it.
    """
    base = _base(source.path)
    for path in locate(source.path):
        name = _shown(path.relative_to(base))
        with _edge(name):
            for document, kind in documents(path, name, source):
                yield from READERS[kind](document)


def locate(pattern: str) -> list[Path]:
    """Files a path, folder or glob stands for, sorted; hidden ones left out.

    Raises:
        SourceError: nothing is there.
    """
    path = Path(pattern)
    if path.is_dir():
        found = [p for p in sorted(path.rglob("*")) if _format_of(p.name) or _is_zip(p)]
    elif path.exists():
        return [path]
    else:
        # Path.glob takes no absolute pattern.
        found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    base = _base(pattern)
    files = [p for p in found if p.is_file() and not _is_hidden(p.relative_to(base))]
    if not files:
        raise SourceError(f"找不到文件 {pattern!r}；请给出文件、文件夹或通配符，如 'in/*.csv'")
    return files


def _base(pattern: str) -> Path:
    """The folder that the names of a source's files are relative to."""
    path = Path(pattern)
    if path.is_dir():
        return path
    while glob.has_magic(str(path.parent)) and not path.exists():
        path = path.parent
    return path.parent


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in path.parts)


def _shown(path: Path) -> str:
    """A name that can be written; Chinese names from Windows archives may be GBK."""
    name = os.fsencode(path.as_posix())
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("gb18030", errors="replace")


def documents(path: Path, shown: str, source: FileSource) -> Iterator[tuple[Document, str]]:
    """The documents in one file: itself, or the members of its archive."""
    modified = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    if path.stat().st_size == 0:
        raise SourceError(f"{shown}：文件是空的（0 字节）")
    if _is_zip(path):
        yield from _members(path, shown, source)
        return
    name, opener = path.name, partial(_open_file, path)
    if path.suffix.lower() == ".gz":
        name, opener = path.stem, partial(_open_gzip, path)
    kind = source.format or _format_of(name)
    if kind is None:
        raise SourceError(
            f"{shown}：从文件名看不出格式；"
            f"认识的后缀：{choices(SUFFIXES)}（也可再加 .gz 或 .zip）；或设置 format"
        )
    yield Document(shown, modified, opener, source.encoding), kind


def _members(path: Path, shown: str, source: FileSource) -> Iterator[tuple[Document, str]]:
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    found = False
    for info in sorted(infos, key=lambda info: info.filename):
        kind = source.format or _format_of(info.filename)
        if kind is None or _is_hidden(Path(info.filename)):
            continue
        if info.flag_bits & 1:
            raise SourceError(f"{shown}：{info.filename} 已加密；请先解压")
        found = True
        try:
            modified = datetime(*info.date_time).astimezone()
        except ValueError:  # some archivers leave the date out
            modified = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
        opener = partial(_open_member, path, info.filename)
        yield Document(f"{shown}/{info.filename}", modified, opener, source.encoding), kind
    if not found:
        raise SourceError(f"{shown}：压缩包中没有能读的文件；认识的后缀：{choices(SUFFIXES)}")


def _format_of(name: str) -> str | None:
    path = Path(name.lower())
    return SUFFIXES.get(Path(path.stem).suffix if path.suffix == ".gz" else path.suffix)


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _open_gzip(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb"))


def _open_member(path: Path, member: str) -> BinaryIO:
    # Seekable, as XLSX and Parquet need it; closing the stream closes the archive.
    archive = zipfile.ZipFile(path)
    stream = archive.open(member)
    archive.close()  # the file stays open for as long as the member is
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, stream)))


@contextmanager
def _edge(file: str) -> Iterator[None]:
    """Translate what libraries raise on damaged files, once, with the cause kept."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise SourceError(f"{file}：文件损坏或不完整（{error}）；请重新获取") from error
    except pa.ArrowException as error:
        raise SourceError(f"{file}：不是可读的 Parquet 文件（{error}）") from error
    except UnicodeError as error:
        raise SourceError(
            f"{file}：编码不对（{error}）；请把 encoding 设为文件所用的编码"
        ) from error
    except OSError as error:
        raise SourceError(f"{file}：无法读取（{error.strerror or error}）") from error
    except NotImplementedError as error:
        raise SourceError(f"{file}：压缩方式不受支持（{error}）") from error
