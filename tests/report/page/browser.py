"""Chromium without a window, as Debian ships it, driven by its own driver: what it logs is what tests look at."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Start a browser; skip the test, and say why, where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    if found is None or driver is None:
        pytest.skip("there is no chromium with chromedriver; install chromium-driver to test pages in it")
    options = ChromeOptions()
    options.binary_location = found
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


class Window:
    """A browser's window."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def open(self, page: Path, fragment: str = "", *, width: int = 1280, **media: str) -> None:
        """Open `page` from disk in a window so wide; media: what style sheets ask for, ``color_scheme`` or ``type``."""
        device = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
        wanted: dict[str, Any] = {"media": media.get("type", ""), "features": []}
        if "color_scheme" in media:
            wanted["features"] = [{"name": "prefers-color-scheme", "value": media["color_scheme"]}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)
        self.browser.get("about:blank")
        self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        self.browser.get(f"{page.as_uri()}{fragment}")

    def complaints(self) -> list[str]:
        """Return what the console has said since the page was opened."""
        return [entry["message"] for entry in self.browser.get_log("browser")]  # type: ignore[no-untyped-call]

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what the script returns
        """Run a script in the page."""
        return self.browser.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """Return the text of the first element of `selector`."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector)).strip()

    def press(self, key: str) -> None:
        """Press a key, by the name that scripts know it by."""
        for kind in ("keyDown", "keyUp"):
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key})
