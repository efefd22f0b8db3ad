"""Model files are used only if they are what the manifest says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kesheng.errors import ArtefactError
from kesheng.models import artefacts, sentiment

CARD = sentiment.CARD_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model files, free to be spoilt."""
    return Path(shutil.copytree(artefacts.models_folder(), tmp_path / "models"))


def _expected(folder: Path, name: str) -> str:
    digest: str = json.loads((folder / artefacts.MANIFEST).read_text(encoding="utf-8"))[name]
    return digest


def test_every_shipped_file_is_verified() -> None:
    """Each file of the manifest is there and unchanged, and no other file is shipped."""
    folder = artefacts.models_folder()
    manifest = json.loads((folder / artefacts.MANIFEST).read_text(encoding="utf-8"))
    assert [artefacts.verified(name) for name in manifest] == [folder / name for name in manifest]
    shipped = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert shipped == {*manifest, artefacts.MANIFEST, "README.md"}


def test_a_changed_file_is_refused(folder: Path) -> None:
    """One byte more: the error names the file, what it is and what it should be."""
    path = folder / CARD
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtefactError, match=CARD) as caught:
        artefacts.verified(CARD, folder=folder)
    assert _expected(folder, CARD) in str(caught.value)
    assert artefacts.sha256(path) in str(caught.value)
    assert not caught.value.transient


def test_a_changed_file_stops_the_sentiment_model(folder: Path) -> None:
    """Weights that are not the manifest's are never loaded."""
    (folder / sentiment.WEIGHTS_FILE).write_bytes(b"not weights")
    with pytest.raises(ArtefactError, match=sentiment.WEIGHTS_FILE):
        sentiment.load("ngram", folder=folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    """The error names the file and the digest it should have."""
    (folder / CARD).unlink()
    with pytest.raises(ArtefactError, match=f"{CARD} is missing") as caught:
        artefacts.verified(CARD, folder=folder)
    assert _expected(folder, CARD) in str(caught.value)


def test_an_unknown_file_is_answered_with_the_nearest(folder: Path) -> None:
    """A name with a slip of the pen meets the right one."""
    with pytest.raises(ArtefactError, match=r"taxonomy/bsae\.yaml.*did you mean 'taxonomy/base"):
        artefacts.verified("taxonomy/bsae.yaml", folder=folder)


@pytest.mark.parametrize("content", [None, "{ not json"])
def test_a_manifest_that_cannot_be_read_is_an_error(folder: Path, content: str | None) -> None:
    """No manifest, no trust."""
    manifest = folder / artefacts.MANIFEST
    manifest.unlink()
    if content is not None:
        manifest.write_text(content, encoding="utf-8")
    with pytest.raises(ArtefactError, match=artefacts.MANIFEST):
        artefacts.verified(CARD, folder=folder)


@pytest.mark.parametrize("content", ["[]", '"text"', "null"])
def test_a_manifest_that_is_no_mapping_is_an_error(folder: Path, content: str) -> None:
    """Valid JSON of another shape is an error of the same kind."""
    (folder / artefacts.MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(ArtefactError):
        artefacts.verified(CARD, folder=folder)


@pytest.mark.parametrize("content", ["{}", "[]", "no json"])
def test_a_card_of_another_shape_is_an_error(folder: Path, content: str) -> None:
    """A verified card that describes no model is refused, not half used."""
    (folder / CARD).write_text(content, encoding="utf-8")
    artefacts.write_manifest(folder, [CARD])
    with pytest.raises(ArtefactError, match="not a sentiment model"):
        sentiment.load("ngram", folder=folder)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_weights_that_are_no_archive_are_an_error(folder: Path, content: bytes) -> None:
    """A verified file that is no npz archive is refused."""
    (folder / sentiment.WEIGHTS_FILE).write_bytes(content)
    artefacts.write_manifest(folder, [sentiment.WEIGHTS_FILE])
    with pytest.raises(ArtefactError, match="not a sentiment model"):
        sentiment.load("ngram", folder=folder)


def test_a_card_that_does_not_fit_the_weights_is_an_error(folder: Path) -> None:
    """Weights of another size than the card says would be read at the wrong places."""
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(card | {"bits": card["bits"] + 1}), encoding="utf-8")
    artefacts.write_manifest(folder, [CARD])
    with pytest.raises(ArtefactError, match="not a sentiment model"):
        sentiment.load("ngram", folder=folder)


def test_writing_the_manifest_keeps_the_rest(folder: Path) -> None:
    """A new digest replaces the old one; files that are gone leave the manifest."""
    before = json.loads((folder / artefacts.MANIFEST).read_text(encoding="utf-8"))
    (folder / CARD).write_text("{}\n", encoding="utf-8")
    (folder / sentiment.WEIGHTS_FILE).unlink()
    artefacts.write_manifest(folder, [CARD])
    after = json.loads((folder / artefacts.MANIFEST).read_text(encoding="utf-8"))
    assert after.keys() == before.keys() - {sentiment.WEIGHTS_FILE}
    assert {name for name in after if after[name] != before[name]} == {CARD}
    assert artefacts.verified(CARD, folder=folder) == folder / CARD


def test_a_taxonomy_by_name_is_the_shipped_one(tmp_path: Path) -> None:
    """`base` is the shipped file; a path is a team's own, unverified."""
    assert artefacts.taxonomy_path("base") == artefacts.models_folder() / "taxonomy" / "base.yaml"
    own = tmp_path / "own.yaml"
    assert artefacts.taxonomy_path(str(own)) == own
    with pytest.raises(ArtefactError, match="did you mean 'taxonomy/base"):
        artefacts.taxonomy_path("bas")
