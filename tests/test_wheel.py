"""A built wheel, in an empty environment, gives a kesheng that works in any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the test environment's Python settings; give its output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KESHENG"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def constraints() -> str:
    """The lock's versions without its hashes: pip takes no hashes as constraints."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.rstrip(" \\") for line in lines if line[:1].isalnum())


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the wheel and what it needs, nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (wheel,) = folder.glob("kesheng-*.whl")
    venv.create(folder / "venv", with_pip=True)
    (folder / "constraints.txt").write_text(constraints(), encoding="utf-8")
    bin_folder = folder / "venv" / "bin"
    run(bin_folder / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
        "-c", folder / "constraints.txt", wheel, cwd=folder)  # fmt: skip
    return bin_folder


def test_wheel_explains_a_text_anywhere(installed: Path, tmp_path: Path) -> None:
    """Models and taxonomy travel in the wheel; no checkout is near."""
    text = "前台态度很差，等了一个小时，不过房间挺干净"
    explained = json.loads(run(installed / "kesheng", "explain", text, "--json", cwd=tmp_path))
    found = {(m["indicator"], m["polarity"]) for m in explained["mentions"]}
    assert {("ATT.courtesy", -1), ("RSP.wait", -1), ("TAN.environment", 1)} <= found


def test_wheel_runs_a_file_without_prefect(installed: Path, tmp_path: Path) -> None:
    """`kesheng run` needs neither Prefect nor the repository."""
    (tmp_path / "评价.csv").write_text("id,text\n1,排队太久了\n2,护士很耐心\n", encoding="gb18030")
    out = run(installed / "kesheng", "run", "评价.csv", "--text", "text", "--id", "id",
              "--out", "out", cwd=tmp_path)  # fmt: skip
    assert "等待与排队" in out
    assert (tmp_path / "out" / "report.html").exists()
    listed = run(installed / "python", "-m", "pip", "list", "--format=freeze", cwd=tmp_path)
    assert "prefect" not in listed
