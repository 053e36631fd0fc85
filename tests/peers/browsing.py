"""A headless Chromium, driven over its DevTools protocol: pages as people use them."""

import asyncio
import base64
import itertools
import shutil

import aiohttp

START_SECONDS = 30
CALL_SECONDS = 20


class Browser:
    """One page of one browser with a profile of its own; ended by its own pid."""

    def __init__(self, profile, size=(1320, 1180)):
        self.profile, self.size = profile, size
        self.complaints = []
        self._numbers = itertools.count(1)
        self._answers = {}

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            shutil.which("chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={self.profile}",
            f"--window-size={self.size[0]},{self.size[1]}",
            "--hide-scrollbars",
            "--remote-debugging-port=0",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._attach()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_):
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()
        await self._session.close()
        await self._end()

    async def go(self, url):
        """Open a page and wait until it is loaded."""
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(CALL_SECONDS):
            await self._loaded.wait()

    async def value(self, expression):
        """The value of an expression in the page."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        # The page that was asked may go away meanwhile: then there is no value.
        return answer.get("result", {}).get("value")

    async def until(self, expression, seconds=10):
        """Wait until an expression is true in the page; the seconds that it took."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not await self.value(expression):
            assert loop.time() - start < seconds, f"not within {seconds} s: {expression}"
            await asyncio.sleep(0.02)
        return loop.time() - start

    async def picture(self, path):
        """A screenshot as PNG."""
        answer = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    async def call(self, method, **params):
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(CALL_SECONDS):
            return await self._answers[number]

    async def _attach(self):
        while True:
            line = (await self._process.stderr.readline()).decode()
            if "DevTools listening on" in line:
                break
        port = line.rpartition("127.0.0.1:")[2].partition("/")[0]
        self._draining = asyncio.ensure_future(self._process.stderr.read())
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json") as answer:
            page = next(p for p in await answer.json() if p["type"] == "page")
        self._socket = await self._session.ws_connect(
            page["webSocketDebuggerUrl"], max_msg_size=0
        )
        self._loaded = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def _read(self):
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                asked = self._answers.pop(said["id"])
                if not asked.done():  # whoever asked may have been cancelled meanwhile
                    asked.set_result(said.get("result", said))
            elif said["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif said["method"] == "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])
            elif said["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(said["params"]["exceptionDetails"]))

    async def _end(self):
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 3)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if hasattr(self, "_draining"):
            await asyncio.gather(self._draining, return_exceptions=True)
