"""The browser's network, slowed down or cut."""

from playwright.sync_api import Page

UNLIMITED = -1


class Network:
    """What the page's requests go through. ``slow(bytes_per_second)``, ``cut()``, ``restore()``."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Network.enable")

    def slow(self, bytes_per_second: int) -> None:
        self._emulate(offline=False, upload=bytes_per_second)

    def cut(self) -> None:
        self._emulate(offline=True, upload=UNLIMITED)

    def restore(self) -> None:
        self._emulate(offline=False, upload=UNLIMITED)

    def _emulate(self, *, offline: bool, upload: int) -> None:
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": UNLIMITED, "uploadThroughput": upload}
        self._session.send("Network.emulateNetworkConditions", conditions)
