"""Rules of a key: where its calls come from, what they reach, and what is noted of them."""

import json

from lib import wire
from lib.instance import PASSWORD
from lib.process import eventually


def refused(answer, *words):
    assert (answer.status, answer.error["code"]) == (403, "permission_denied"), answer.text
    for word in words:
        assert word in answer.error["message"], answer.text


def models(there, key):
    answer = wire.call("GET", there.url + "/v1/models", None, {"authorization": f"Bearer {key}"})
    assert answer.status == 200, answer.text
    return {model["id"]: model for model in answer.json["data"]}


def change(there, key, rules):
    """The key's rules from here on, on the gateway too: the feed brings them within a second."""
    there.api("PATCH", f"/api/v1/api-keys/{key['id']}", {"rules": rules})


def test_only_the_addresses_on_the_list_may_call(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    here = there.new_key("--allow-ip", "127.0.0.0/8", "--allow-ip", "2001:db8::1")["api_key"]
    elsewhere = there.new_key("--allow-ip", "203.0.113.0/24")
    assert there.chat(key=here).status == 200
    forged = {"x-forwarded-for": "203.0.113.7"}
    for answer in (there.chat(key=elsewhere["api_key"]), there.chat(key=elsewhere["api_key"], headers=forged)):
        refused(answer, "127.0.0.1", "allowed_ips")
    listed = wire.call("GET", there.url + "/v1/models", None, {"authorization": f"Bearer {elsewhere['api_key']}"})
    refused(listed, "127.0.0.1")
    assert len(sim.journal()) == 1, "a refused call reaches nobody"
    change(there, elsewhere, {"allowed_ips": ["203.0.113.0/24", "::ffff:127.0.0.1"]})
    eventually(lambda: there.chat(key=elsewhere["api_key"]).status == 200, 2)


def test_a_trusted_proxy_names_the_client_and_nobody_else_does(llmg):
    there = llmg(env={"LLMG_TRUSTED_PROXIES": "127.0.0.0/8, 10.0.0.0/8"})
    key = there.new_key("--allow-ip", "203.0.113.0/24")["api_key"]
    for forwarded, status in [
        ("203.0.113.7", 200),
        ("::ffff:203.0.113.7", 200),
        ("198.51.100.1, 203.0.113.7, 10.1.1.1", 200),
        ("203.0.113.7, 198.51.100.1", 403),
        ("203.0.113.7, nonsense", 403),
        ("", 403),
    ]:
        answer = there.chat(key=key, headers={"x-forwarded-for": forwarded})
        assert answer.status == status, f"{forwarded}: {answer.text}"
    refused(there.chat(key=key, headers={"x-forwarded-for": "203.0.113.7, 198.51.100.1"}), "198.51.100.1")
    refused(there.chat(key=key), "127.0.0.1")


def test_a_log_in_is_noted_with_the_address_that_a_trusted_proxy_names(llmg):
    there = llmg(env={"LLMG_TRUSTED_PROXIES": "127.0.0.1"})
    headers = {"origin": there.url, "x-forwarded-for": "198.51.100.1, 203.0.113.7"}
    body = {"email": "a@example.com", "password": PASSWORD}
    entered = wire.call("POST", there.url + "/api/v1/auth/log-in", body, headers)
    assert entered.status == 200, entered.text
    cookie = entered.headers["set-cookie"].split(";")[0]
    sessions = wire.call("GET", there.url + "/api/v1/auth/sessions", None, {"cookie": cookie, "origin": there.url})
    assert [row["address"] for row in sessions.json["data"]] == ["203.0.113.7"], sessions.text


def test_models_providers_and_prices_narrow_what_a_key_reaches(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    all_of_them = models(there, there.api_key)
    assert "sim" in all_of_them
    for flags, rule in [
        (["--deny-model", "sim"], "denied_models"),
        (["--deny-provider", "sim"], "denied_providers"),
        (["--allow-provider", "openai"], "allowed_providers"),
        (["--input-price-max", "0"], "input_price_max_nano_usd_per_million"),
        (["--output-price-max", "0"], "output_price_max_nano_usd_per_million"),
    ]:
        key = there.new_key(*flags)["api_key"]
        answer = there.chat(key=key)
        refused(answer, rule)
        assert answer.error["param"] == "model"
        assert "sim" not in models(there, key), rule
    assert sim.journal() == []
    open_key = there.new_key("--deny-model", "gpt-4o", "--allow-provider", "sim", "--input-price-max", str(10**15))["api_key"]
    assert there.chat(key=open_key).status == 200
    assert "sim" in models(there, open_key)


def test_a_keys_tags_and_metadata_are_on_each_of_its_calls(llmg, sim):
    there = llmg(env=sim.env_for_llmg)
    key = there.new_key("--tag", "search", "--tag", "eu", "--metadata", "team=search", "--metadata", "stage=test")["api_key"]
    plain = there.call_of(there.chat(key=key))
    assert (plain["tags"], plain["metadata"]) == (["search", "eu"], {"team": "search", "stage": "test"})
    own = {"x-llmg-tags": "eu,beta", "x-llmg-metadata": json.dumps({"stage": "live"})}
    merged = there.call_of(there.chat(key=key, headers=own))
    assert sorted(merged["tags"]) == ["beta", "eu", "search"]
    assert merged["metadata"] == {"team": "search", "stage": "live"}
    full = there.chat(key=key, headers={"x-llmg-tags": ",".join(f"t{n}" for n in range(19))})
    assert (full.status, full.error["param"]) == (400, "x-llmg-tags")
