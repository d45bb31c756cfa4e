"""The pages in a real browser: no errors, no requests, nothing wider than the window, and every control works."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_results import SAMPLES

from mmcore.reporting import build_index, build_page, card
from mmcore.reporting.gallery import write

pytestmark = pytest.mark.browser
WIDTHS, THEMES = (1300, 800, 390), ("light", "dark")
INSTALL = "apt-get install --no-install-recommends chromium"
TOO_WIDE = """(() => {
  const beyond = [...document.querySelectorAll('body *')].filter(e => {
    if (e.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== 'visible') return false;
    return true;
  }).map(e => `${e.tagName}.${e.getAttribute('class')}: ${e.textContent.slice(0, 40)}`);
  return [document.documentElement.scrollWidth, innerWidth, beyond.slice(0, 5)];
})()"""


class Browser:
    """One tab of headless Chromium, driven through the DevTools protocol."""

    def __init__(self, address: str) -> None:
        from websockets.sync.client import connect

        self._socket = connect(address, max_size=None)
        self._number = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a command; events that come before it are kept."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=30))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def load(self, page: Path, width: int = 1300, theme: str = "light") -> None:
        """Open a page and wait until it is complete."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.call("Page.navigate", url=page.as_uri())
        self.wait()

    def wait(self) -> None:
        """Wait for the load event."""
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self._socket.recv(timeout=30)))

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write a picture of the whole page."""
        width, height = self.ask("[innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def complaints(self) -> list[dict[str, Any]]:
        """Return what the console and the log held against the page since it was opened."""
        self.ask("1")
        wrong = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [event for event in self.events if event["method"] in wrong]

    def requests(self) -> set[str]:
        """Return what was asked for since the page was opened."""
        sent = (e for e in self.events if e["method"] == "Network.requestWillBeSent")
        return {event["params"]["request"]["url"] for event in sent}

    def close(self) -> None:
        """Leave the tab."""
        self._socket.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"Chromium is not installed. Install it with: {INSTALL}")
        pytest.skip(f"Chromium is not installed ({INSTALL})")
    profile = tmp_path_factory.mktemp("profile")
    switches = [
        "--headless",
        "--no-sandbox",
        "--remote-debugging-port=0",
        "--disable-gpu",
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen([program, *switches, "about:blank"], stderr=subprocess.PIPE, text=True)
    try:
        opening = (re.search(r"ws://127\.0\.0\.1:(\d+)/", line) for line in process.stderr or ())
        found = next((match for match in opening if match), None)
        assert found, "Chromium ended before it listened."
        request = urllib.request.Request(f"http://127.0.0.1:{found[1]}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=30) as answer:
            tab = Browser(json.load(answer)["webSocketDebuggerUrl"])
        yield tab
        tab.close()
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The pages of all samples, the index and the gallery, as the pipeline lays them out."""
    root = tmp_path_factory.mktemp("reports")
    cards = []
    for name, make in SAMPLES.items():
        results = make()
        folder = root / name
        folder.mkdir()
        (folder / "index.html").write_text(build_page(results), encoding="utf-8")
        cards.append(card(results) | ({} if name == "hostile" else {"name": name}))
    (root / "index.html").write_text(build_index(cards), encoding="utf-8")
    write(root / "gallery" / "index.html")
    return root


PAGES = [*(f"{name}/index.html" for name in SAMPLES), "index.html", "gallery/index.html"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_without_complaint_and_without_a_request(browser, site, page):
    browser.load(site / page)
    assert browser.complaints() == []
    assert browser.requests() <= {(site / page).as_uri(), "data:,"}
    assert browser.ask("document.querySelectorAll('script').length") == 1


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_wider_than_the_window(browser, site, page, tmp_path):
    for width in WIDTHS:
        for theme in THEMES:
            browser.load(site / page, width, theme)
            browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
            browser.picture(tmp_path / f"{page.replace('/', '-')}-{width}-{theme}.png")
            scrolled, window, beyond = browser.ask(TOO_WIDE)
            assert scrolled <= window and beyond == [], (width, theme, beyond)


@pytest.mark.parametrize("theme", THEMES)
def test_the_theme_follows_the_system_until_it_is_chosen(browser, site, theme):
    browser.load(site / "two/index.html", theme=theme)
    browser.ask("localStorage.clear()")
    browser.load(site / "two/index.html", theme=theme)
    background = "getComputedStyle(document.body).backgroundColor"
    system, other = browser.ask(background), {"light": "dark", "dark": "light"}[theme]
    assert browser.ask("document.documentElement.hasAttribute('data-theme')") is False
    browser.ask("document.getElementById('theme').click()")
    assert browser.ask("document.documentElement.getAttribute('data-theme')") == other
    assert browser.ask(background) != system
    browser.ask("document.getElementById('theme').click()")
    assert browser.ask(background) == system
    browser.ask("localStorage.clear()")


@pytest.mark.parametrize("theme", THEMES)
def test_each_swatch_of_a_key_can_be_seen(browser, site, theme):
    browser.load(site / "planted/index.html", theme=theme)
    seen = browser.ask("""Object.fromEntries([...document.querySelectorAll('.key .sw')].map(e => {
        const s = getComputedStyle(e), page = getComputedStyle(document.body).backgroundColor;
        const filled = s.backgroundColor !== 'rgba(0, 0, 0, 0)' && s.backgroundColor !== page;
        const edged = parseFloat(s.borderTopWidth) > 0 && s.borderTopColor !== page;
        return [e.className.split(' ')[1], (filled || edged) && e.offsetWidth > 1];
    }))""")
    assert {"u1", "r", "u2", "s", "x", "t", "d", "o", "h", "l"} <= set(seen)
    assert all(seen.values()), seen


def test_a_head_sorts_the_table_of_models(browser, site):
    browser.load(site / "two/index.html")
    values = "[...document.querySelector('table.models').tBodies[0].rows].map(r => parseFloat(r.cells[1].dataset.v))"
    head = "document.querySelector('table.models thead').rows[0].cells[1]"
    browser.ask(f"{head}.querySelector('button').click()")
    assert browser.ask(f"{head}.getAttribute('aria-sort')") == "descending"
    falling = browser.ask(values)
    assert falling == sorted(falling, reverse=True) and len(set(falling)) > 2
    browser.ask(f"{head}.querySelector('button').click()")
    assert browser.ask(f"{head}.getAttribute('aria-sort')") == "ascending"
    assert browser.ask(values) == falling[::-1]
    name = "document.querySelector('table.models thead').rows[0].cells[0]"
    browser.ask(f"{name}.querySelector('button').click()")
    assert browser.ask(f"{head}.hasAttribute('aria-sort')") is False
    assert browser.ask(f"{name}.getAttribute('aria-sort')") == "ascending"


def test_a_fold_opens_and_shows_its_table(browser, site):
    browser.load(site / "two/index.html")
    fold = "document.querySelector('#data details')"
    assert browser.ask(f"{fold}.querySelector('table').checkVisibility()") is False
    browser.ask(f"{fold}.querySelector('summary').click()")
    assert browser.ask(f"{fold}.open && {fold}.querySelector('table').checkVisibility()") is True


def test_what_was_done_to_a_modality_can_be_read_on_a_phone(browser, site):
    browser.load(site / "two/index.html", 390)
    browser.ask("document.querySelector('#data details summary').click()")
    narrowest, first, box, inside = browser.ask("""(() => {
        const t = document.querySelector('#data details table'), b = t.closest('.scroll');
        const texts = [...t.querySelectorAll('tbody td:not(.num)')].map(e => e.clientWidth);
        return [Math.min(...texts), t.tBodies[0].rows[0].cells[0].clientWidth,
                getComputedStyle(b).overflowX, b.getBoundingClientRect().right <= innerWidth];
    })()""")
    assert narrowest >= 140 and first >= 110 and box == "auto" and inside


def test_a_link_of_the_index_leads_to_its_page_and_back(browser, site):
    browser.load(site / "index.html")
    browser.events.clear()
    browser.ask("document.querySelector('a[href=\"two/index.html\"]').click()")
    browser.wait()
    assert browser.ask("document.querySelector('h1').textContent") == "two"
    browser.events.clear()
    browser.ask("document.querySelector('.top a').click()")
    browser.wait()
    assert browser.ask("location.href") == (site / "index.html").as_uri()


def test_a_tooltip_repeats_the_title_of_a_mark(browser, site):
    browser.load(site / "two/index.html")
    browser.ask("document.querySelector('#strip-w').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y, title = browser.ask("""(() => {
        const m = document.querySelector('#strip-w rect.m'), b = m.getBoundingClientRect();
        return [b.left + b.width / 2, b.top + b.height / 2, m.dataset.tip];
    })()""")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert title and browser.ask("document.querySelector('.tip:not([hidden])').textContent") == title


def test_a_page_can_be_read_without_scripts(browser, site):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.load(site / "two/index.html")
        assert browser.complaints() == []
        assert browser.ask("document.querySelectorAll('section').length") == 9
        assert browser.ask("document.getElementById('theme').checkVisibility()") is False
        assert browser.ask("document.querySelector('.verdict').checkVisibility()") is True
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def choose(browser: Browser, file: Path) -> str:
    """Open the panel of measured time, give it a file, and return what it then says."""
    browser.ask("document.querySelector('.measured').open = true")
    document = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=document, selector=".measured input")["nodeId"]
    browser.call("DOM.setFileInputFiles", files=[str(file)], nodeId=node)
    return browser.ask("""new Promise(done => {
        const out = document.querySelector('.measured [role=status]'), start = Date.now();
        (function look() {
            if (out.textContent || Date.now() - start > 3000) done(out.innerText); else setTimeout(look, 20);
        })();
    })""")


def test_the_measured_time_is_shown_from_the_file_that_the_reader_opens(browser, site, tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    seconds = {"late_fusion-seed0": 1.5, "late_fusion-seed1-fold2": 2.5, f"{hostile}-seed0": 0.25}
    (tmp_path / "cost.json").write_text(json.dumps({"seconds": seconds, "peak_memory_mb": 512.4}), encoding="utf-8")
    browser.load(site / "two/index.html", 390)
    said = choose(browser, tmp_path / "cost.json")
    rows = browser.ask(
        "[...document.querySelectorAll('.measured tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    assert rows == [[hostile, "1", "0.3", "0.25"], ["late fusion", "2", "4.0", "2.00"]]
    assert "Peak memory: 512 MB." in said
    assert browser.ask("document.querySelectorAll('.measured img').length") == 0
    assert browser.complaints() == []
    assert browser.requests() <= {(site / "two/index.html").as_uri(), "data:,"}
    assert browser.ask(TOO_WIDE)[2] == []


@pytest.mark.parametrize("content", ["no json", "{}", "null", '{"seconds": 3}'])
def test_a_file_without_measured_time_is_refused_in_words(browser, site, tmp_path, content):
    (tmp_path / "other.json").write_text(content, encoding="utf-8")
    browser.load(site / "two/index.html")
    assert choose(browser, tmp_path / "other.json") == "This file holds no measured time."
    assert browser.complaints() == []


def test_the_panel_offers_no_button_that_does_nothing(browser, site):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.load(site / "two/index.html")
        browser.ask("document.querySelector('.measured').open = true")
        assert browser.ask("document.querySelector('.measured .open').checkVisibility()") is False
        assert browser.ask("document.querySelector('.measured code').checkVisibility()") is True
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
