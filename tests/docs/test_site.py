"""The documentation becomes a site without a warning: every page is reachable, and every reference resolves."""

import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from ..report.page.browser import Window, chromium

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    for name in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(name, reason="pip install 'ctxrace[docs]'")
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(folder / "trees")]
    command += [str(ROOT / "docs"), str(folder / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "site"


def test_the_site_is_built_without_a_warning(site: Path) -> None:
    assert (site / "searchindex.js").is_file()
    for page in (ROOT / "docs").glob("*.md"):
        text = (site / f"{page.stem}.html").read_text(encoding="utf-8")
        assert 'src="http' not in text and '@import url("http' not in text, f"{page.name} needs the network"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "page"), [("seqcount", "kernel-headers"), ("CTXRACE_EXPECT", "ci"), ("unmixed", "bpf-programs")]
)
def test_it_can_be_searched_from_disk(site: Path, words: str, page: str) -> None:
    with chromium() as browser:
        window = Window(browser)
        window.open(site / "search.html", f"?q={words}")
        finished = "return document.querySelector('.search-summary')?.innerText.startsWith('Search finished')"
        WebDriverWait(browser, 60).until(lambda _: window.run(finished))
        found = window.run("return [...document.querySelectorAll('ul.search a')].map((one) => one.href)")
        assert any(f"/{page}.html" in link for link in found), found
        assert window.complaints() == []
