"""The test world: `llmg` (a factory of instances), `sim` and `aimock`. Each test gets its own processes and folders."""

import json
import resource
import types

import pytest

from lib.instance import PASSWORD, Aimock, Llmg, Sim
from lib.process import run

# A thousand clients at once need a thousand files, here and in the instance.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A bootstrapped data folder without credit, to be copied: hashing the password is slow on purpose."""
    folder = tmp_path_factory.mktemp("template")
    env = {"LLMG_DATA_DIR": str(folder / "data")}
    words = ["--email", "a@example.com", "--password", PASSWORD, "--credits-usd", "0", "--json"]
    done = run("bootstrap", *words, env=env, cwd=folder)
    assert done.returncode == 0, done.stderr
    return types.SimpleNamespace(data=folder / "data", identity=json.loads(done.stdout))


def _factory(tmp_path_factory, template):
    made = []

    def make(*, usd=5, env=None, start=True, fresh=False):
        folder = tmp_path_factory.mktemp("llmg")
        instance = Llmg(folder, None if fresh else template, env)
        if usd and not fresh:
            instance.grant(usd)
        made.append(instance)
        return instance.start() if start else instance

    return make, made


@pytest.fixture
def llmg(tmp_path_factory, template):
    """`llmg(usd=…, env=…)` starts an instance with that much credit; all end with the test, and must end cleanly."""
    make, made = _factory(tmp_path_factory, template)
    yield make
    for instance in made:
        instance.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, template):
    """One instance for a module's tests that leave nothing behind which another one sees."""
    make, made = _factory(tmp_path_factory, template)
    yield make()
    for instance in made:
        instance.stop()


@pytest.fixture(scope="module")
def shared_with_sim(tmp_path_factory, template):
    """One instance for a module's tests, and the simulated provider that it calls."""
    sim = Sim(tmp_path_factory.mktemp("sim")).start()
    make, made = _factory(tmp_path_factory, template)
    yield make(env=sim.env_for_llmg), sim
    for instance in made:
        instance.stop()
    sim.stop()


@pytest.fixture(scope="session")
def shared_with_aimock(tmp_path_factory, template, aimock):
    """One instance whose providers are aimock, for all tests of SDKs."""
    make, made = _factory(tmp_path_factory, template)
    yield make(usd=100, env=aimock.env_for_llmg)
    for instance in made:
        instance.stop()


@pytest.fixture
def sim(tmp_path):
    process = Sim(tmp_path).start()
    yield process
    process.stop()


@pytest.fixture
def sims(tmp_path_factory):
    """`sims()` starts a further simulated provider."""
    made = []

    def make(*args):
        made.append(Sim(tmp_path_factory.mktemp("sim"), *args).start())
        return made[-1]

    yield make
    for process in made:
        process.stop()


@pytest.fixture(scope="session")
def aimock(tmp_path_factory):
    process = Aimock(tmp_path_factory.mktemp("aimock")).start()
    yield process
    process.kill9()
