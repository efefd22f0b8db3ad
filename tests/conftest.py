"""What all tests share: the hypothesis profile and text cases as data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings

CASES = Path(__file__).parent / "cases"

# Derandomised: a law that fails, fails on every machine; no deadline: machines are shared.
settings.register_profile("kesheng", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("kesheng")


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker that feeds a test with the cases of a file."""
    config.addinivalue_line(
        "markers", "cases(name): run with each case of tests/cases/<name>.json as `case`"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a case; a case with `xfail` is a known failure and must fail."""
    marker = metafunc.definition.get_closest_marker("cases")
    if marker is None:
        return
    groups = json.loads((CASES / f"{marker.args[0]}.json").read_text(encoding="utf-8"))
    # A known failure stands in the case file with its reason, and is strict: mended, it must go.
    cases = [
        pytest.param(
            case,
            id=f"{group}-{number}",
            marks=[pytest.mark.xfail(reason=case["xfail"], strict=True)] if "xfail" in case else [],
        )
        for group, members in groups.items()
        for number, case in enumerate(members, start=1)
    ]
    metafunc.parametrize("case", cases)
