"""The running API does what its OpenAPI document says: cases that schemathesis generates for every operation of it, right ones and
wrong ones."""

import pathlib
import subprocess
import sys

import pytest

from lib import wire
from lib.instance import PASSWORD
from lib.process import FULL, clean_env

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
]
#: It would end the session that the cases are sent with.
EXCEPT = ["/api/v1/auth/log-out"]
EXAMPLES = 200 if FULL else 4


def headers_of(there, who):
    if who == "management key":
        return {"authorization": f"Bearer {there.management_key}"}
    origin = {"origin": there.url}
    entered = wire.call("POST", there.url + "/api/v1/auth/log-in", {"email": "a@example.com", "password": PASSWORD}, origin)
    assert entered.status == 200, entered.text
    return {**origin, "cookie": entered.headers["set-cookie"].split(";")[0]}


@pytest.mark.parametrize("who", ["management key", "session"])
def test_every_operation_answers_what_the_document_says(llmg, tmp_path, who):
    there = llmg(env={"LLMG_API_REQUESTS_PER_MINUTE": "1000000"})
    argv = [str(pathlib.Path(sys.executable).with_name("schemathesis")), "run", f"{there.url}/api/openapi.json"]
    argv += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--seed", "4711", "--no-color"]
    argv += ["--max-examples", str(EXAMPLES), "--continue-on-failure", "--request-timeout", "10", "--no-shrink"]
    argv += ["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"]
    # What opens a route is in the headers; the session's cookie has another name on a loopback address.
    argv += ["--generation-with-security-parameters", "false"]
    for path in EXCEPT:
        argv += ["--exclude-path", path]
    for name, value in headers_of(there, who).items():
        argv += ["--header", f"{name}: {value}"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env=clean_env(), timeout=3_600, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-3_000:]
    print(done.stdout[-1_500:])
