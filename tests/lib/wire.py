"""HTTP without a client library between the test and the bytes: plain calls, and many at once."""

import asyncio
import dataclasses
import http.client
import json as json_module
import time
import urllib.parse

TIMEOUT_S = 30


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    #: Whether the body came to its end as HTTP announced it.
    whole: bool = True

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json_module.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    @property
    def cost(self):
        return self.usage["cost_details"]["cost_nano_usd"]

    @property
    def usage(self):
        return events(self.body)[-1]["usage"] if self.body.startswith(b"data:") else self.json["usage"]

    @property
    def content(self):
        """The text of a plain answer or of a stream."""
        if not self.body.startswith(b"data:"):
            return self.json["choices"][0]["message"]["content"]
        deltas = [choice["delta"] for event in events(self.body) for choice in event.get("choices", [])]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def done(self):
        return self.body.rstrip().endswith(b"data: [DONE]")


def events(body):
    """The JSON events of a stream, without its terminator."""
    lines = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    return [json_module.loads(line) for line in lines if line != "[DONE]"]


def encode(body):
    return body if isinstance(body, (bytes, type(None))) else json_module.dumps(body).encode()


def call(method, url, body=None, headers=None):
    """One request on its own connection."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_S)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        content = {} if body is None else {"content-type": "application/json"}
        connection.request(method, path, encode(body), {**content, **(headers or {})})
        response = connection.getresponse()
        head = {name.lower(): value for name, value in response.getheaders()}
        try:
            return Answer(response.status, head, response.read())
        except http.client.IncompleteRead as cut:
            return Answer(response.status, head, cut.partial, whole=False)
    finally:
        connection.close()


class Conversation:
    """A request whose answer is read piece by piece, and that can be left at any point."""

    @classmethod
    async def open(cls, url, body, headers=None):
        self = cls()
        parts = urllib.parse.urlsplit(url)
        self.reader, self.writer = await asyncio.open_connection(parts.hostname, parts.port)
        body = encode(body)
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
        lines += [f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()
        return self

    async def head(self):
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *rest = raw.decode().strip().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        return self

    async def chunk(self):
        """The next chunk of a chunked body; empty at its end."""
        size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def read_until(self, mark):
        """Body bytes up to the chunk that has `mark`."""
        body = b""
        while mark not in body:
            chunk = await self.chunk()
            assert chunk, f"the body ended before {mark!r}: {body!r}"
            body += chunk
        return body

    async def rest(self):
        """The whole answer; what a dead peer sent of it, if it died."""
        body, whole = b"", True
        try:
            await self.head()
            if "content-length" in self.headers:
                body = await self.reader.readexactly(int(self.headers["content-length"]))
            else:
                while chunk := await self.chunk():
                    body += chunk
        except (asyncio.IncompleteReadError, ConnectionError):
            whole = False
        self.leave()
        return Answer(getattr(self, "status", 0), getattr(self, "headers", {}), body, whole)

    def leave(self):
        """Closes the connection now, like a client that was killed."""
        self.left_at = time.monotonic()
        self.writer.transport.abort()


def together(url, bodies, key):
    """All requests at once, each on its own connection; their answers in the same order."""

    async def one(body):
        try:
            talk = await Conversation.open(url, body, {"authorization": f"Bearer {key}"})
        except ConnectionError:
            return Answer(0, {}, b"", whole=False)
        return await talk.rest()

    async def all_of_them():
        return await asyncio.gather(*(one(body) for body in bodies))

    return asyncio.run(all_of_them())
