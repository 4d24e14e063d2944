"""A changed `catalog_file` counts from the next call on; a wrong one changes nothing."""

import pytest

from lib import catalog
from lib.process import eventually, run


@pytest.fixture
def there(llmg, sim, tmp_path):
    """A model `mine` at 1 nano-dollar per token, in and out."""
    file = tmp_path / "catalog.toml"
    catalog.write(file, catalog.provider("own", sim.url), catalog.model("mine", "own", 1_000, 1_000))
    instance = llmg(env={"LLMG_CATALOG_FILE": str(file), "LLMG_PROVIDER_OWN_API_KEY": "k"})
    instance.write = lambda *parts: catalog.write(file, catalog.provider("own", sim.url), *parts)
    instance.file = file
    return instance


def price(there):
    answer = there.chat("Hello there", model="mine")
    assert answer.status == 200, answer.text
    assert (answer.usage["prompt_tokens"], answer.usage["completion_tokens"]) == (2, 24)
    return answer.cost


def test_a_new_price_holds_from_the_next_call_on(there):
    assert price(there) == 26
    there.write(catalog.model("mine", "own", 5_000, 1_000))
    eventually(lambda: price(there) == 2 * 5 + 24, 3)
    there.reconcile()
    costs = {row["cost_nano_usd"] for row in there.calls()}
    assert costs == {26, 34}, "old calls keep their price"


def test_a_new_model_and_one_that_is_gone(there):
    assert there.chat(model="other").error["code"] == "model_not_found"
    there.write(catalog.model("other", "own"))
    eventually(lambda: there.chat(model="other").status == 200, 3)
    assert there.chat(model="mine").error["code"] == "model_not_found"


@pytest.mark.parametrize(
    "wrong", ["not TOML [", '[[models]]\nid = "mine"\n', '[[models]]\nid = "x"\nprovider = "nobody"\n', "unknown = 1\n"]
)
def test_a_wrong_file_keeps_the_old_catalog(there, wrong):
    assert price(there) == 26
    there.file.write_text(wrong)
    eventually(lambda: "refused" in there.err.read_text() and str(there.file) in there.err.read_text(), 3)
    assert price(there) == 26
    # Mended, it is taken; and what is wrong at the start is refused.
    there.write(catalog.model("mine", "own", 7_000, 1_000))
    eventually(lambda: price(there) == 2 * 7 + 24, 3)
    there.file.write_text(wrong)
    done = run("up", env={**there.env, "LLMG_DATA_DIR": str(there.folder / "other")}, cwd=there.folder)
    assert done.returncode != 0 and "catalog_file" in done.stderr and str(there.file) in done.stderr


def test_a_file_that_vanishes_keeps_the_old_catalog(there):
    assert price(there) == 26
    there.file.unlink()
    eventually(lambda: "refused" in there.err.read_text(), 3)
    assert price(there) == 26


def test_a_model_without_a_price_is_refused_on_credits(there):
    there.write('[[models]]\nid = "mine"\nprovider = "own"\nupstream = "sim"\ncontext_window = 1000\n')
    answer = eventually(lambda: (answer := there.chat(model="mine")).status != 200 and answer, 3)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "price_unknown", "model")
