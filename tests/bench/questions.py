#!/usr/bin/env python3
"""How long the dashboard's questions take with a million calls, through the HTTP API of a running `llmg up`.

    tests/bench/questions.py [--calls 1000000] [--repeat 40] [--folder DIR] [--only TEXT] [--pages]

Makes a data folder, fills its analytics store with the example `synthetic` of crates/analytics (once for each folder), starts
`llmg up` on it and asks every question that a page asks, with each of its filters and groupings, on the pages' ranges. Prints one
table in milliseconds: first a single answer with the file's pages dropped from the system's memory before it (cold), then p50, p95
and the maximum of the repetitions, then the same while 2,000 calls a second are taken in (busy). Questions that only the API can be
asked begin with "API". Exits with 1 when the p95 of another one is over 500 ms.

LLMG_BIN and SYNTHETIC_BIN name the binaries; the default is target/release/llmg and target/release/examples/synthetic.
"""

import argparse
import datetime
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
LLMG = os.environ.get("LLMG_BIN", TARGET / "release" / "llmg")
SYNTHETIC = os.environ.get("SYNTHETIC_BIN", TARGET / "release" / "examples" / "synthetic")
GOAL_MS = 500
GROUPS = ["none", "model", "provider", "api_key", "project", "used_mode"]
# The page offers no hours for a longer range (`bucketsOf` in web/src/lib/dates.ts).
HOURLY_DAYS_MAX = 8
PAGE_FILTERS = {"model", "provider", "api_key_id", "project_id", "used_mode", "failed", "cache"}


class Instance:
    """`llmg up` on the folder, asked over one connection as a browser does."""

    def __init__(self, data, key):
        env = {**os.environ, "LLMG_DATA_DIR": str(data), "LLMG_LISTEN": "127.0.0.1:0", "LLMG_LOG": "warn"}
        self.process = subprocess.Popen([LLMG, "up"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found = None
        while not found:
            line = self.process.stdout.readline()
            if not line:
                sys.exit("llmg up ended before it was ready")
            found = re.search(r"llmg is ready on http://(\S+)", line)
        self.wire = http.client.HTTPConnection(found[1], timeout=60)
        self.key = key

    def ask(self, path):
        begin = time.perf_counter()
        self.wire.request("GET", path, headers={"authorization": f"Bearer {self.key}"})
        answer = self.wire.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begin) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:500]}")
        return took, body

    def stop(self):
        self.wire.close()
        self.process.terminate()
        self.process.wait(timeout=30)


def drop_from_memory(file):
    """Takes the file's pages out of the system's memory, so that the next reader finds them on the disk."""
    with open(file, "rb") as handle:
        os.fsync(handle.fileno())
        os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def questions(now, ids):
    """Names and paths: what the pages under web/src ask for."""
    day, hour = datetime.timedelta(days=1), datetime.timedelta(hours=1)
    end = now.replace(minute=0, second=0, microsecond=0) + hour
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begins = {"24h": end - day, "7d": today - 6 * day, "30d": today - 29 * day, "90d": today - 89 * day}

    def path(route, **query):
        times = {name: at.strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in query.items() if isinstance(at, datetime.datetime)}
        return f"/api/v1/{route}?" + urllib.parse.urlencode({**query, **times})

    filters = {
        "model (most used)": {"model": "model-00"},
        "provider": {"provider": "openai"},
        "API key": {"api_key_id": ids["key"]},
        "project": {"project_id": ids["project"]},
        "payer": {"used_mode": "credits"},
    }
    for name, begin in begins.items():
        whole = {"from": begin, "to": end}
        for group in GROUPS:
            yield f"usage {name} by {group}, table", path("usage", **whole, bucket="none", group_by=group)
            yield f"usage {name} by {group}, daily", path("usage", **whole, bucket="day", group_by=group)
            if (end - begin).days <= HOURLY_DAYS_MAX:
                yield f"usage {name} by {group}, hourly", path("usage", **whole, bucket="hour", group_by=group)
        yield f"usage before {name}", path("usage", **{"from": begin - (end - begin), "to": begin}, bucket="none", group_by="none")
        for chosen, query in filters.items():
            for group in ("none", "model"):
                yield f"API: usage {name} of one {chosen} by {group}, daily", path("usage", **whole, **query, bucket="day", group_by=group)
        if (end - begin).days <= HOURLY_DAYS_MAX:
            yield f"API: usage {name} of one project by model, hourly", path("usage", **whole, **filters["project"], bucket="hour", group_by="model")
        yield f"API: usage {name} by model, CSV", path("usage.csv", **whole, bucket="day", group_by="model")
    more = {
        "model (rare)": {"model": "model-49"},
        "model (unknown)": {"model": "no-such-model"},
        "failed": {"failed": "true"},
        "succeeded": {"failed": "false"},
        "status 429": {"http_status": 429},
        "error code": {"error_code": "context_length_exceeded"},
        "error code (unknown)": {"error_code": "no_such_code"},
        "cache hit": {"cache": "hit"},
        "cache miss": {"cache": "miss"},
        "voided": {"outcome": "voided"},
        "failed and cache hit (none)": {"failed": "true", "cache": "hit"},
        "rare model, project, failed": {"model": "model-49", "project_id": ids["project"], "failed": "true"},
        "user": {"user": "user-17"},
        "user (unknown)": {"user": "nobody"},
        "session (unknown)": {"session": "none"},
        "tag": {"tag": "team-3"},
        "tag (unknown)": {"tag": "no-such-tag"},
    }
    for chosen, query in {"all": {}, **filters, **more}.items():
        who = "calls" if set(query) <= PAGE_FILTERS else "API: calls"
        for name, begin in (("7d", begins["7d"]), ("90d", begins["90d"])):
            yield f"{who} {name}, {chosen}", path("calls", **{"from": begin}, **query, limit=50)
    yield "API: calls of all time, unknown model", path("calls", model="no-such-model", limit=50)
    yield "calls, a late page", path("calls", **{"from": begins["90d"]}, limit=50, cursor=ids["cursor"])
    yield "first call", path("calls", failed="false", limit=1)
    yield "one call", f"/api/v1/calls/{ids['call']}"
    for route in ("credits", "api-keys?limit=200", "projects", "provider-keys"):
        yield route.split("?")[0], f"/api/v1/{route}"


def ids_of(instance, now):
    """Ids of things that are in the store."""

    def rows(group):
        _, body = instance.ask(f"/api/v1/usage?bucket=none&group_by={group}")
        return [row["group"] for row in sorted(json.loads(body)["rows"], key=lambda row: -row["calls"])]

    _, body = instance.ask("/api/v1/calls?limit=1")
    call = json.loads(body)["data"][0]["id"]
    late = int((now - datetime.timedelta(days=80)).timestamp() * 1e6)
    return {"key": rows("api_key")[0], "project": rows("project")[0], "call": call, "cursor": f"{late}.{'0' * 32}"}


def measured(instance, path, repeat):
    times = sorted(instance.ask(path)[0] for _ in range(repeat))
    return times[len(times) // 2], times[min(len(times) - 1, -(-len(times) * 95 // 100) - 1)], times[-1]


def filled(folder, calls):
    """The folder's data, made when there is none; the identity and the moment up to which calls were made."""
    data, known = folder / "data", folder / "made.json"
    if not known.exists():
        env = {**os.environ, "LLMG_DATA_DIR": str(data)}
        boot = [LLMG, "bootstrap", "--email", "bench@example.com", "--password", "a password for nothing", "--json"]
        who = json.loads(subprocess.run(boot, env=env, check=True, capture_output=True, text=True).stdout)
        who["now"] = int(time.time())
        fill = [SYNTHETIC, data / "analytics.db", f"{who['now']}000000", who["organization_id"], str(calls)]
        print(subprocess.run(fill, check=True, capture_output=True, text=True).stdout, file=sys.stderr)
        known.touch(mode=0o600)
        known.write_text(json.dumps(who))
    return data, json.loads(known.read_text())


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--calls", type=int, default=1_000_000)
    asked.add_argument("--repeat", type=int, default=40)
    asked.add_argument("--folder", type=pathlib.Path)
    asked.add_argument("--only", default="", help="questions that have this in their name")
    asked.add_argument("--pages", action="store_true", help="only what pages ask")
    options = asked.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="llmg-questions-"))
    folder.mkdir(exist_ok=True)
    data, who = filled(folder, options.calls)
    now = datetime.datetime.fromtimestamp(who["now"], datetime.timezone.utc)
    file = data / "analytics.db"

    instance = Instance(data, who["management_key"])
    all_questions = [(name, path) for name, path in questions(now, ids_of(instance, now))]
    all_questions = [(name, path) for name, path in all_questions if options.only in name and not (options.pages and name.startswith("API"))]
    instance.stop()
    cold = {}
    drop_from_memory(file)
    instance = Instance(data, who["management_key"])
    for name, path in all_questions:
        drop_from_memory(file)
        cold[name] = instance.ask(path)[0]
    warm = {name: measured(instance, path, options.repeat) for name, path in all_questions}
    busy = {}
    late = int(time.time())
    live = subprocess.Popen([SYNTHETIC, file, f"{late}000000", who["organization_id"], "0", "3600"])
    try:
        for name, path in all_questions:
            busy[name] = measured(instance, path, options.repeat)
    finally:
        live.terminate()
        live.wait()
        instance.stop()
    print("| question | cold | p50 | p95 | max | p50 busy | p95 busy | max busy |\n|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, _ in all_questions:
        times = [cold[name], *warm[name], *busy[name]]
        print(f"| {name} | " + " | ".join(f"{each:.0f}" if each >= 10 else f"{each:.1f}" for each in times) + " |")
    late_ones = [name for name, _ in all_questions if max(warm[name][1], busy[name][1]) > GOAL_MS]
    print(f"\n{len(all_questions)} questions, {options.repeat} repetitions; over {GOAL_MS} ms at p95: {len(late_ones)}", *late_ones, sep="\n")
    sys.exit(1 if any(not name.startswith("API") for name in late_ones) else 0)


if __name__ == "__main__":
    main()
