"""A configuration that is wrong is refused in one line that says where, what, why and how to mend it."""

import re
import socket
import time

import pytest

from lib import wire
from lib.process import free_port, run

REFUSED = {
    "unknown setting": (
        {"LLMG_LISTN": "x"},
        "",
        ["environment", "LLMG_LISTN", "unknown setting", "did you mean `listen`"],
    ),
    "wrong address": ({"LLMG_LISTEN": "here"}, "", ["environment LLMG_LISTEN", "`listen`", "IP:PORT"]),
    "wrong port": ({"LLMG_LISTEN": "127.0.0.1:99999"}, "", ["environment LLMG_LISTEN", "`listen`", "IP:PORT"]),
    "out of range": ({"LLMG_BODY_BYTES_MAX": "0"}, "", ["LLMG_BODY_BYTES_MAX", "`body_bytes_max`", "1 to 1073741824"]),
    "one of": ({"LLMG_DURABILITY": "maybe"}, "", ["LLMG_DURABILITY", "`durability`", "power"]),
    "unknown provider": ({"LLMG_PROVIDER_OPNAI_API_KEY": "k"}, "", ["opnai", "there is no provider", "catalog"]),
    "unknown provider setting": (
        {"LLMG_PROVIDER_OPENAI_KEY": "k"},
        "",
        ["LLMG_PROVIDER_OPENAI_KEY", "unknown setting", "_API_KEY"],
    ),
    "wrong base URL": ({"LLMG_PROVIDER_OPENAI_BASE_URL": "ftp://x"}, "", ["LLMG_PROVIDER_OPENAI_BASE_URL", "http://"]),
    "half of TLS": ({"LLMG_TLS_CERT": "a.pem"}, "", ["LLMG_TLS_CERT", "`tls_cert`", "set both"]),
    "TLS files that are not there": (
        {"LLMG_TLS_CERT": "a.pem", "LLMG_TLS_KEY": "b.pem"},
        "",
        ["`tls_cert`", "a.pem", "PEM"],
    ),
    "not in this version": ({"LLMG_REDIS_URL": "redis://x"}, "", ["LLMG_REDIS_URL", "embedded", "unset it"]),
    "short master key": ({"LLMG_MASTER_KEY": "abc"}, "", ["LLMG_MASTER_KEY", "64 hexadecimal digits"]),
    "unknown field in the file": (
        {},
        "drain_timout_ms = 5\n",
        ["llmg.toml", "drain_timout_ms", "did you mean `drain_timeout_ms`"],
    ),
    "wrong value in the file": ({}, 'log_format = "loud"\n', ["llmg.toml", "`log_format`", "json"]),
    "not TOML": ({}, "listen = [\n", ["llmg.toml", "line 1"]),
    "no such catalog": ({"LLMG_CATALOG_FILE": "none.toml"}, "", ["`catalog_file`", "none.toml", "readable"]),
    "no such configuration file": ({"LLMG_CONFIG": "none.toml"}, "", ["none.toml", "readable file"]),
    "data folder is a file": ({"LLMG_DATA_DIR": "llmg.toml"}, "", ["`data_dir`", "folder"]),
    "address of another machine": (
        {"LLMG_LISTEN": "192.0.2.1:4000"},
        "",
        ["`listen`", "192.0.2.1:4000", "another address"],
    ),
}


def refusal(tmp_path, env, file="", args=("up",)):
    """The one line of a refused start."""
    (tmp_path / "llmg.toml").write_text(file)
    began = time.monotonic()
    done = run(*args, env={"LLMG_LISTEN": "127.0.0.1:0", "LLMG_DATA_DIR": "data", **env}, cwd=tmp_path, timeout=10)
    assert done.returncode != 0 and time.monotonic() - began < 5
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert "ready" not in done.stdout
    return lines[0]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    env, file, parts = REFUSED[name]
    line = refusal(tmp_path, env, file)
    for part in parts:
        assert part in line, f"`{part}` is missing: {line}"


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(tmp_path, {"LLMG_LISTEN": f"127.0.0.1:{port}"})
        assert "`listen`" in line and str(port) in line and "in use" in line
        line = refusal(tmp_path, {"LLMG_OPS_LISTEN": f"127.0.0.1:{port}"})
        assert "`ops_listen`" in line and str(port) in line


def test_a_second_one_on_the_same_data(llmg, tmp_path):
    there = llmg()
    line = refusal(tmp_path, {"LLMG_DATA_DIR": str(there.data)})
    assert "data" in line and re.search("lock|in use|another|already|running", line), line
    assert there.chat().status == 200


def test_the_ready_line_and_the_probes(llmg):
    """`LLMG_LISTEN=…:0`: the address that it prints is the one that it has."""
    there = llmg()
    assert not there.url.endswith(":0")
    for path in ("/healthz", "/readyz", "/metrics"):
        assert wire.call("GET", there.url + path).status == 200
    done = run("doctor", env={**there.env, "LLMG_LISTEN": there.url.removeprefix("http://")}, cwd=there.folder)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout
    assert "ready" in done.stdout and "books: exact" in done.stdout


def test_operations_on_an_address_of_their_own(llmg):
    port = free_port()
    llmg(env={"LLMG_OPS_LISTEN": f"127.0.0.1:{port}"})
    for path in ("/healthz", "/readyz", "/metrics"):
        assert wire.call("GET", f"http://127.0.0.1:{port}{path}").status == 200
    assert wire.call("POST", f"http://127.0.0.1:{port}/v1/chat/completions", {}).status == 404, (
        "calls are not served there"
    )


def test_the_file_and_the_environment_that_wins(llmg):
    there = llmg(start=False)
    (there.folder / "llmg.toml").write_text('body_bytes_max = 300\n[providers.openai]\napi_key = "k"\n')
    there.start()
    assert there.chat("x" * 400).status == 413
    there.stop()
    there.env["LLMG_BODY_BYTES_MAX"] = "100000"
    there.start()
    assert there.chat("x" * 400).status == 200


def test_private_addresses_are_for_the_operator_alone(llmg, sim):
    """An instance that others can reach calls what its operator named, and not what an organization names."""
    there = llmg(env={**sim.env_for_llmg, "LLMG_ALLOW_PRIVATE_UPSTREAMS": "false"})
    assert there.chat().status == 200 and sim.summary()["requests"] >= 1
    alone = llmg(env={"LLMG_ALLOW_PRIVATE_UPSTREAMS": "false"})
    assert alone.chat().status == 200, "the built-in provider is this instance's own"
    saved = wire.call(
        "POST",
        there.url + "/api/v1/provider-keys",
        {"provider": "openai", "name": "inside", "key": "sk-inside-0000", "base_url": sim.url.replace("http:", "https:")},
        {"authorization": f"Bearer {there.management_key}"},
    )
    assert saved.status == 502 and "not public" in saved.text, saved.text
