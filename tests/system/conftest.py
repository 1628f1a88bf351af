# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests. Every child process ends by its pid, every wait is bounded, every skip says why."""
import itertools
import pathlib
import random
import shutil
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import gateway as gateway_module  # noqa: E402
from harness import mosquitto as mosquitto_module  # noqa: E402
from harness.kafka import Kafka  # noqa: E402

FIGURES = []
TEST_SECONDS = 300
_prefixes = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "nightly: long, or needs root")
    config.addinivalue_line("markers", "seconds(n): more time than usual for this test")


def pytest_sessionfinish(session):
    """With several workers (pytest-xdist) the figures are told to the one that prints."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = [[name, str(value)] for name, value in FIGURES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    FIGURES.extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        for name, value in FIGURES:
            terminalreporter.write_line(f"FIGURE {name} = {value}")


@pytest.fixture(autouse=True)
def bounded(request):
    """No test runs for ever, whatever it waits for."""
    marker = request.node.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else TEST_SECONDS

    def expired(*_):
        raise TimeoutError(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def figure():
    """figure(name, value): a number for the report; never a verdict by itself."""
    return lambda name, value: FIGURES.append((name, value))


@pytest.fixture
def seeded(request):
    """A random source with the seed in the report of a failure."""
    seed = random.SystemRandom().randrange(1 << 32)
    request.node.add_report_section("setup", "seed", str(seed))
    return random.Random(seed)


@pytest.fixture(scope="session", autouse=True)
def binary():
    path = gateway_module.BINARY
    if not path.exists():
        pytest.exit(f"no gateway to test: {path} does not exist (make build)", returncode=2)
    return path


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    broker = Kafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def prefix():
    """Of this test's topics: all tests share one broker."""
    return f"t{next(_prefixes)}"


@pytest.fixture
def children():
    """Append what has to be stopped at the end of the test; ends in reverse order."""
    started = []
    yield started
    for child in reversed(started):
        child.stop()


@pytest.fixture
def make_mosquitto(tmp_path, children):
    if mosquitto_module.BINARY is None:
        pytest.skip("mosquitto is not installed (scripts/setup.sh)")
    numbers = itertools.count(1)

    def make(*arguments, **options):
        broker = mosquitto_module.Mosquitto(tmp_path / f"mosquitto{next(numbers)}", *arguments, **options)
        children.append(broker)
        return broker.start()

    return make


@pytest.fixture
def mosquitto(make_mosquitto):
    return make_mosquitto(mosquitto_module.OPEN_QUEUE)


@pytest.fixture
def make_gateway(tmp_path, children, kafka, prefix):
    """Not started yet. Kafka and the topic prefix are filled in."""

    def make(name="gateway", **options):
        made = gateway_module.Gateway(tmp_path / name, **{"brokers": kafka.brokers, "prefix": prefix, **options})
        children.append(made)
        return made

    return make


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (scripts/setup.sh)")
    return mosquitto_module.make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def nab():
    """Real machine metrics, kept outside this repository."""
    folder = gateway_module.ROOT.parent / "shared/data/nab/data"
    if not folder.is_dir():
        pytest.skip("the NAB data set is not beside this repository")
    return folder
