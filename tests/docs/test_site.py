"""The documentation becomes a site without a warning: every page is reachable, and every reference resolves."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="pip install 'ctxrace[docs]'")
    pytest.importorskip("myst_parser", reason="pip install 'ctxrace[docs]'")
    pytest.importorskip("furo", reason="pip install 'ctxrace[docs]'")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(tmp_path / "trees")]
    command += [str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    site = tmp_path / "site"
    assert (site / "searchindex.js").is_file()
    for page in (ROOT / "docs").glob("*.md"):
        text = (site / f"{page.stem}.html").read_text(encoding="utf-8")
        assert 'src="http' not in text and '@import url("http' not in text, f"{page.name} needs the network"
