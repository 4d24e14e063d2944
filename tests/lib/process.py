"""Processes under test: started on ports that the kernel chooses, and ended by the test that started them."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

BIN = os.environ.get("LLMG_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "target" / "debug" / "llmg"))
E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
# Long tests too.
FULL = os.environ.get("TEST_FULL") == "1"
START_S = 15
STOP_S = 15


def eventually(condition, seconds=5, every=0.02):
    """The first true value of `condition()`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not true within {seconds} s; it was {value!r}"
        time.sleep(every)


def free_port():
    """A port where nobody listens. Only for what cannot say which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_env(extra=None):
    """This process's environment without the settings of another instance."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LLMG_")}
    return {**env, **(extra or {})}


class Process:
    """A child with its output in files, so that no pipe can fill up."""

    def __init__(self, argv, folder, ready, env=None):
        self.argv, self.folder, self.ready, self.env = argv, pathlib.Path(folder), ready, env or {}
        self.child, self.url, self.starts = None, None, 0

    def start(self):
        assert self.child is None, "it runs already"
        self.starts += 1
        stem = f"{pathlib.Path(self.argv[0]).name}-{self.starts}"
        self.out, self.err = self.folder / f"{stem}.out", self.folder / f"{stem}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.child = subprocess.Popen(
                self.argv, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=self.folder, env=clean_env(self.env)
            )
        self.url = eventually(self._ready, START_S, 0.01).group(1)
        return self

    def _ready(self):
        assert self.child.poll() is None, f"it ended with {self.child.returncode}: {self.err.read_text()[-2000:]}"
        return re.search(self.ready, self.out.read_text())

    def kill9(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(STOP_S)
        self.child = None

    def terminate(self):
        self.child.send_signal(signal.SIGTERM)

    def stop(self):
        """Ends it as an operator would. An ended or killed one is left alone."""
        if self.child is None:
            return
        self.terminate()
        try:
            code = self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError("it did not end in time after SIGTERM") from None
        self.child = None
        assert code == 0, f"it ended with {code}: {self.err.read_text()[-2000:]}"

    def restart(self):
        self.stop()
        return self.start()


def run(*args, env=None, cwd=None, timeout=60):
    """One command of the binary, as a finished process."""
    return subprocess.run([BIN, *args], capture_output=True, text=True, cwd=cwd, env=clean_env(env), timeout=timeout)


def node(script, *, timeout=60, **ask):
    """Runs a Node script of tests/e2e with a JSON argument and reads the JSON that it prints."""
    done = subprocess.run(
        ["node", script, json.dumps(ask)], capture_output=True, text=True, cwd=E2E, env=clean_env(), timeout=timeout
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
