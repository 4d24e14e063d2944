"""One instance of the product in its own data folder, its simulated provider, and aimock."""

import json
import pathlib
import shutil

from lib import wire
from lib.process import BIN, E2E, Process, eventually, run

PASSWORD = "correct horse battery"


class Llmg(Process):
    """`llmg up` on a copy of a bootstrapped data folder."""

    def __init__(self, folder, template, env=None):
        self.data = pathlib.Path(folder) / "data"
        if template is not None:
            shutil.copytree(template.data, self.data)
            self.__dict__.update(template.identity)
        settings = {"LLMG_DATA_DIR": str(self.data), "LLMG_LISTEN": "127.0.0.1:0", "LLMG_LOG": "info"}
        super().__init__([BIN, "up"], folder, r"llmg is ready on (http://\S+)\n", {**settings, **(env or {})})

    def stop(self):
        super().stop()
        for log in self.folder.glob("llmg-*.err"):
            assert "panicked" not in log.read_text(), f"a panic: {log.read_text()[-3000:]}"

    def cli(self, *args):
        """A command on this instance's data folder that must succeed; its JSON."""
        done = run(*args, env=self.env, cwd=self.folder)
        assert done.returncode == 0, f"{args}: {done.returncode}: {done.stderr or done.stdout}"
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    def grant(self, usd):
        return self.cli("credits", "grant", "--amount-usd", str(usd))

    def new_key(self, *args):
        return self.cli("keys", "create", "--name", "made by a test", *args)

    def post(self, body, key=None, path="/v1/chat/completions", headers=None):
        auth = {"authorization": f"Bearer {key or self.api_key}"}
        return wire.call("POST", self.url + path, body, {**auth, **(headers or {})})

    def chat(self, text="Hello there", key=None, headers=None, **fields):
        """One call of the simulated model, or of another one."""
        return self.post(chat_body(text, **fields), key, headers=headers)

    def api(self, method, path, body=None):
        """The management API; its JSON, None when there is nothing to say."""
        answer = wire.call(method, self.url + path, body, {"authorization": f"Bearer {self.management_key}"})
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json if answer.body else None

    def calls(self, **filters):
        """All calls that are listed, newest first."""
        rows, cursor = [], None
        while True:
            query = {**filters, "limit": 200, **({"cursor": cursor} if cursor else {})}
            page = self.api("GET", "/api/v1/calls?" + "&".join(f"{k}={v}" for k, v in query.items()))
            rows += page["data"]
            cursor = page["next_cursor"]
            if not cursor:
                return rows

    def call_of(self, answer, seconds=2):
        """The listed call of an answer, which must be there within 2 s."""
        id = answer.headers["x-llmg-request-id"]
        found = eventually(lambda: [row for row in self.calls() if row["id"] == id], seconds)
        assert len(found) == 1
        return self.api("GET", f"/api/v1/calls/{id}")

    def metric(self, name):
        lines = wire.call("GET", self.url + "/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(name + " ")).split()[-1])

    def reconcile(self, *args):
        """The proof that all sides count the same; it must hold."""
        done = run("reconcile", "--json", *args, env=self.env, cwd=self.folder)
        assert done.returncode == 0, f"not reconciled: {done.stdout} {done.stderr}"
        proof = json.loads(done.stdout)
        sides = proof["reconciliation"]
        assert proof["exact"] and proof["ledger_balanced"] and sides["differences"] == []
        assert sides["gateway"] == sides["analytics"] == sides["ledger"]
        return proof


class Sim(Process):
    """`llmg sim`: the oracle."""

    def __init__(self, folder, *args):
        super().__init__([BIN, "sim", "--listen", "127.0.0.1:0", *args], folder, r"ready on (http://[^\s/]+)")

    @property
    def env_for_llmg(self):
        origin = self.url
        return {
            "LLMG_PROVIDER_SIM_BASE_URL": origin + "/v1",
            "LLMG_PROVIDER_SIM_ANTHROPIC_BASE_URL": origin,
            "LLMG_PROVIDER_SIM_GEMINI_BASE_URL": origin,
        }

    def defaults(self, **keys):
        assert wire.call("POST", self.url + "/sim/defaults", keys).status == 200

    def journal(self, prefix=None):
        query = f"?client_request_id={prefix}" if prefix else ""
        return [json.loads(line) for line in wire.call("GET", f"{self.url}/sim/journal{query}").text.splitlines()]

    def summary(self):
        return wire.call("GET", self.url + "/sim/journal?summary=1").json

    def requests_of(self, answer):
        """What reached the simulator of an answer's call, when all of it has ended."""
        id = answer.headers["x-llmg-request-id"]
        return self.ended(id)

    def ended(self, prefix=None, seconds=5):
        def closed():
            rows = self.journal(prefix)
            return rows if rows and all(row["end"] != "open" for row in rows) else None

        return eventually(closed, seconds)


class Aimock(Process):
    """A provider that is not ours, in three dialects."""

    def __init__(self, folder):
        cli = E2E / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
        argv = ["node", str(cli), "-p", "0", "-f", str(E2E / "aimock.json")]
        super().__init__(argv, folder, r"listening on (http://\S+)")

    @property
    def env_for_llmg(self):
        return {
            "LLMG_PROVIDER_OPENAI_BASE_URL": self.url + "/v1",
            "LLMG_PROVIDER_OPENAI_API_KEY": "key-of-openai",
            "LLMG_PROVIDER_ANTHROPIC_BASE_URL": self.url,
            "LLMG_PROVIDER_ANTHROPIC_API_KEY": "key-of-anthropic",
            "LLMG_PROVIDER_GOOGLE_AI_STUDIO_BASE_URL": self.url,
            "LLMG_PROVIDER_GOOGLE_AI_STUDIO_API_KEY": "key-of-google",
        }


def chat_body(text="Hello there", **fields):
    return {"model": "sim", "messages": [{"role": "user", "content": text}], **fields}
