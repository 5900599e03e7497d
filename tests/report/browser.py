"""Debian's chromium without a screen, driven through its own protocol on two pipes: no package, no port, no network."""

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
REASON = "no chromium is installed (apt-get install chromium): pages are not looked at in a browser"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
HAND_OVER = """
import os, sys
ends = [os.dup(os.dup(int(end))) for end in sys.argv[1:3]]  # above 4, so that neither is overwritten
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, with the two ends on which it listens and answers where it looks for them."""
PATIENCE = 240
"""Seconds after which a browser that has not answered is ended."""


@dataclass
class Browser:
    """A browser with one page open."""

    requests: object
    answers: object
    session: str = ""
    events: list = field(default_factory=list)
    _last: int = 0

    def ask(self, method, **parameters):
        """Send a command and wait for its answer; what happens meanwhile is kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        self.requests.write(json.dumps(message).encode() + b"\0")
        self.requests.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _read(self):
        data = bytearray()
        while (letter := self.answers.read(1)) != b"\0":
            assert letter, "the browser has ended"
            data += letter
        return json.loads(data)

    def open(self, path, width, height=900, *, dark=False, printed=False):
        """Show a page at this width; whatever went wrong before is forgotten."""
        self.events.clear()
        media = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", media="print" if printed else "screen", features=media)
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def run(self, script):
        """The value of a JavaScript expression; a promise is waited for."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def move(self, x, y):
        """Put the pointer there."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path, *, whole=True):
        """What is seen, as PNG."""
        answer = self.ask(
            "Page.captureScreenshot", captureBeyondViewport=whole, **({"clip": self._clip()} if whole else {})
        )
        path.write_bytes(base64.b64decode(answer["data"]))

    def paper(self, path):
        """The page as it is printed, as PDF."""
        self.ask("Emulation.setEmulatedMedia", media="print")
        answer = self.ask("Page.printToPDF", preferCSSPageSize=False, printBackground=False)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _clip(self):
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    @property
    def complaints(self):
        """Errors and warnings of the console, and what was thrown."""
        kinds = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        return [event for event in self.events if event.get("method") in kinds]

    @property
    def requested(self):
        """Every address that was asked for, but for what a page carries within itself."""
        sent = [event["params"] for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent if not each["request"]["url"].startswith("data:")]


@contextmanager
def browsing(folder):
    """A browser whose profile lies in the folder; it is ended with the block."""
    to_browser, requests = os.pipe()
    answers, from_browser = os.pipe()

    arguments = [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", HAND_OVER, str(to_browser), str(from_browser), *arguments],
        pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for end in (to_browser, from_browser):
        os.close(end)
    alarm = threading.Timer(PATIENCE, process.kill)
    alarm.start()
    try:
        with os.fdopen(requests, "wb") as writing, os.fdopen(answers, "rb") as reading:
            browser = Browser(writing, reading)
            target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                browser.ask(f"{domain}.enable")
            yield browser
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
