"""The dashboard of the binary, in a real browser: a newcomer's way from sign-up to the bill, what a stranger sees of it, and each
page's looks, accessibility and console."""

import csv
import decimal
import io
import pathlib
import re
import sys

import pytest

from lib import wire
from lib.process import BIN, node

SECRET = "sk-of-an-organization-4711"
# Longer than any of them takes beside other work; it only ends what hangs.
WALK_S = 120
LOOKS_S = 600


@pytest.fixture(scope="session")
def shots():
    """Where people look at the pages afterwards."""
    folder = pathlib.Path(BIN).resolve().parents[1] / "dashboard"
    folder.mkdir(exist_ok=True)
    return str(folder)


def nano(text):
    """`$0.000057000` in nano-USD."""
    return int(decimal.Decimal(text.replace("$", "").replace(",", "")) * 10**9)


def whole(text):
    return int(text.replace(",", "").replace("\u2019", ""))


def bill_says(bill, tokens_in, tokens_out, cost, charged):
    assert (whole(bill["Input tokens"]), whole(bill["Output tokens"])) == (tokens_in, tokens_out)
    assert (nano(bill["Cost"]), nano(bill["Charged to credits"])) == (cost, charged)


def usage_says(usage, tokens_in, tokens_out, cost, charged):
    """The tiles, the file of the chart's figures, and the bar under the pointer."""
    tiles = {name: (value, note) for name, value, *_, note in usage["tiles"]}
    assert nano(tiles["Spend"][0]) == cost and nano(tiles["Spend"][1].split()[0]) == charged
    assert tiles["Calls"][0] == "1"
    assert whole(tiles["Tokens"][0]) == tokens_in + tokens_out
    assert [int(n) for n in re.findall(r"\d+", tiles["Tokens"][1])] == [tokens_in, tokens_out]
    [row] = csv.DictReader(io.StringIO(usage["csv"]))
    assert (int(row["calls"]), int(row["input_tokens"]), int(row["output_tokens"])) == (1, tokens_in, tokens_out)
    assert (nano(row["cost_usd"]), nano(row["charged_usd"])) == (cost, charged)
    assert cost in [nano(text) for text in re.findall(r"\$[\d.,]+", usage["tip"])]


def test_from_sign_up_to_the_bill_with_the_program_that_the_page_shows(llmg, shots, tmp_path):
    there = llmg(fresh=True)
    ask = {"url": there.url, "python": sys.executable, "folder": str(tmp_path), "shots": shots}
    said = node("first-call.mjs", timeout=WALK_S, **ask)
    assert said["lines"] == []
    assert said["baseUrl"] == f"{there.url}/v1" and said["key"] in said["code"]
    assert said["key"] not in said["again"], "a key is shown once"
    answer, details = said["answer"], said["answer"]["usage"]["cost_details"]
    assert said["printed"] == answer["choices"][0]["message"]["content"].splitlines()
    cost, charged = details["cost_nano_usd"], details["charged_nano_usd"]
    expected = (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"], cost, charged)
    assert min(expected) > 0
    bill_says(said["bill"], *expected)
    usage_says(said["usage"], *expected)
    key = {"authorization": f"Bearer {said['key']}"}
    again = wire.call("POST", f"{there.url}/v1/chat/completions", {"model": "sim", "messages": []}, key)
    assert again.status == 400, "the key is real: an empty conversation is what is wrong"


def test_a_provider_key_is_tested_sealed_and_listed(llmg, aimock, shots):
    there = llmg(fresh=True)
    base_url = f"{aimock.url}/v1"
    said = node("provider-key.mjs", timeout=WALK_S, url=there.url, baseUrl=base_url, secret=SECRET, shots=shots)
    assert said["lines"] == []
    assert "works" in said["verdict"] or "takes" in said["verdict"], said["verdict"]
    assert "OpenAI" in said["listed"] and "our account" in said["listed"] and SECRET[-4:] in said["listed"]
    assert not said["shown"], "a saved key is on no page"


def test_a_call_on_an_own_provider_key_costs_no_credit(llmg, aimock, shots):
    there = llmg(fresh=True)
    ask = {"url": there.url, "baseUrl": f"{aimock.url}/v1", "secret": SECRET, "shots": shots}
    said = node("provider-key.mjs", timeout=WALK_S, model="gpt-4o-mini", **ask)
    assert said["status"] == 200, said["answer"]
    assert said["lines"] == []
    used = said["answer"]["usage"]
    cost, charged = used["cost_details"]["cost_nano_usd"], used["cost_details"]["charged_nano_usd"]
    assert cost > 0 and charged == 0
    expected = (used["prompt_tokens"], used["completion_tokens"], cost, charged)
    bill_says(said["bill"], *expected)
    usage_says(said["usage"], *expected)


def test_who_comes_second_sees_nothing_of_the_first_and_is_told_how_calls_are_paid(llmg):
    there = llmg(fresh=True)
    said = node("strangers.mjs", timeout=WALK_S, url=there.url)
    assert said["saved"] == 201 and said["lines"] == []
    for page, text in said["seen"].items():
        for mark in said["ids"]:
            assert mark not in text, f"{page} shows {mark}"
    grants = {question: answer["status"] for question, answer in said["answers"].items() if "grants" in question}
    assert set(grants.values()) == {403}, "only an operator grants credit"
    others = {question: answer for question, answer in said["answers"].items() if "grants" not in question}
    assert len(others) > 10 and {question: a for question, a in others.items() if a["status"] != 404} == {}
    assert "Ada" not in str(said["answers"]) and said["missing"] == {}
    assert said["own"]["calls"] == 0
    welcome = said["welcome"]
    assert "no credit" in welcome and "operator" in welcome and "provider key" in welcome
    assert "Waiting for your first call" not in welcome
    assert (said["granted"], said["funded"]) == (201, 200)


def test_every_page_is_whole_in_both_themes_and_at_two_widths(llmg, aimock, shots):
    there = llmg(fresh=True)
    said = node("pages.mjs", timeout=LOOKS_S, url=there.url, baseUrl=f"{aimock.url}/v1", shots=shots)
    assert said["wrong"] == []
    assert said["pages"] > 20


def test_what_is_sent_for_each_path(shared):
    def got(path, method="GET", **headers):
        return wire.call(method, shared.url + path, headers=headers)

    page = got("/dashboard/usage")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache" and page.headers["x-content-type-options"] == "nosniff"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    script = re.search(r'src="(/assets/[^"]+\.js)"', page.text).group(1)
    plain, small = got(script), got(script, **{"accept-encoding": "gzip, br"})
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert small.headers["content-encoding"] == "br" and len(small.body) * 3 < len(plain.body)
    assert got(script, **{"if-none-match": plain.headers["etag"]}).status == 304
    for missing in ["/assets/none.js", "/dashboard/none.png", "/api/none", "/v1/none", "/none"]:
        answer = got(missing)
        assert answer.status == 404 and "json" in answer.headers["content-type"], missing
    assert got("/none", accept="text/html").headers["content-type"].startswith("text/html")
    assert got("/api/docs").status == 200


def test_lists_are_compressed_and_calls_are_not(shared):
    takes = {"accept-encoding": "gzip, br"}
    models = wire.call("GET", shared.url + "/v1/models", headers=takes)
    assert models.status == 200 and models.headers["content-encoding"] in ("br", "gzip")
    docs = wire.call("GET", shared.url + "/api/openapi.json", headers=takes)
    assert docs.headers["content-encoding"] in ("br", "gzip")
    for stream in (False, True):
        answer = shared.chat("word " * 2_000, headers=takes, stream=stream)
        assert answer.status == 200 and "content-encoding" not in answer.headers


@pytest.mark.parametrize(("role", "status"), [("control", 200), ("gateway", 404)])
def test_the_control_plane_has_pages_and_the_gateway_has_none(llmg, role, status):
    there = llmg(usd=0, start=False)
    there.argv = [BIN, role]
    there.start()
    for path in ["/", "/dashboard/usage", "/theme.js"]:
        assert wire.call("GET", there.url + path, headers={"accept": "text/html"}).status == status, path
