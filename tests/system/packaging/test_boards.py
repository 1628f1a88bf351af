# SPDX-License-Identifier: Apache-2.0
"""Each board: its description follows the schema, what `profile apply` writes is taken by `check` and by systemd, and the
gateway lives within what it promises of memory and of bytes written a day."""
import json
import shutil
import subprocess

import jsonschema
import pytest

from harness.gateway import ROOT, tributary
from harness.numbered import numbered
from harness.publisher import Publisher

BOARDS = sorted(path for path in (ROOT / "boards").glob("*.json") if path.name != "schema.json")
SCHEMA = json.loads((ROOT / "boards/schema.json").read_text())
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
DROP_INS = ("etc/tributary/conf.d/10-board.toml", "etc/systemd/system/tributary.service.d/10-board.conf")
NOWHERE = "127.0.0.1:1"  # nobody listens: everything stays in the store
COUNT = 30_000


def in_bytes(text):
    return int(text[:-3]) * UNITS[text[-3:]]


def budgets():
    """(board, budget), each different budget once, at the first board that has it."""
    seen = {}
    for path in BOARDS:
        for budget in json.loads(path.read_text())["budgets"]:
            key = tuple(value for name, value in sorted(budget.items()) if name not in ("ram_mib", "cpu_quota"))
            seen.setdefault(key, (path.stem, budget))
    return list(seen.values())


def image(folder, board, ram_mib):
    """A root folder that says it is this board."""
    match = board["match"]
    files = {"proc/meminfo": f"MemTotal: {ram_mib * 960} kB\n"}
    if "compatible" in match:
        files["proc/device-tree/compatible"] = match["compatible"][-1] + "\0"
        files["proc/device-tree/model"] = match["model"][0] + "\0"
    else:
        files["sys/class/dmi/id/sys_vendor"] = "A maker\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def profile(verb, root, *words):
    return tributary("profile", verb, "--boards", ROOT / "boards", "--root", root, *words)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_description(path, tmp_path):
    board = json.loads(path.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(board)
    assert board["id"] == path.stem
    rams = [budget["ram_mib"] for budget in board["budgets"]]
    assert rams == sorted(set(rams))
    broken = {**board, "budgets": [{**board["budgets"][0], "gather": "soon"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(broken)
    for budget in board["budgets"]:
        high, most = in_bytes(budget["memory_high"]), in_bytes(budget["memory_max"])
        assert high < most <= budget["ram_mib"] * (1 << 20) / 4, "at most a quarter of the box"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_apply(path, tmp_path):
    board = json.loads(path.read_text())
    for budget in board["budgets"]:
        root = image(tmp_path / str(budget["ram_mib"]), board, budget["ram_mib"])
        found = json.loads(profile("detect", root, "--json").stdout)
        assert (found["id"], found["budget_ram_mib"]) == (board["id"], budget["ram_mib"])
        assert profile("show", root).stdout.startswith(f"{board['id']}: {board['name']}\n")
        done = profile("apply", root)
        assert done.returncode == 0, done.stderr
        settings = root / "etc/tributary/tributary.toml"
        shipped = (ROOT / "packaging/config/tributary.toml").read_text()
        settings.write_text(shipped.replace("#brokers", "brokers"))
        check = tributary("check", "-c", settings)
        assert (check.returncode, check.stderr) == (0, ""), check
        assert f'gather = "{budget["gather"]}"' in (root / DROP_INS[0]).read_text()
        assert "unchanged" in profile("apply", root).stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (package systemd)")
def test_systemd_takes_the_drop_ins(tmp_path):
    unit = (ROOT / "systemd/tributary.service").read_text().replace("/usr/bin/tributary", "/bin/true")
    for number, (name, budget) in enumerate(budgets()):
        board = json.loads((ROOT / f"boards/{name}.json").read_text())
        root = image(tmp_path / f"{number}", board, budget["ram_mib"])
        assert profile("apply", root).returncode == 0
        folder = (root / DROP_INS[1]).parents[1]
        (folder / "tributary.service").write_text(unit)

        def verify():
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(folder / "tributary.service")], timeout=60,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, env={"SYSTEMD_UNIT_PATH": f"{folder}:"})
            return done.stdout + done.stderr

        assert verify() == ""
        drop_in = root / DROP_INS[1]
        drop_in.write_text(drop_in.read_text().replace("MemoryMax=", "MemoryMost="))
        assert "MemoryMost" in verify(), "the drop-in was not read"


def test_unknown_board(tmp_path):
    done = profile("apply", tmp_path)
    assert done.returncode == 1 and "TRB-BOARD-002" in done.stderr and "raspberry-pi-5" in done.stderr
    done = profile("show", tmp_path, "raspberry-pi-6")
    assert done.returncode == 1 and "there is no board raspberry-pi-6" in done.stderr


@pytest.mark.parametrize("name, budget", budgets(), ids=lambda value: value if isinstance(value, str) else value["memory_max"])
def test_lives_within_its_budget(name, budget, mosquitto, make_gateway, tmp_path, figure):
    """A load as fast as it goes, Kafka away, so that the store fills and the queues are full; then a trickle, which makes a
    commit at each gather and is what wears flash most for each message."""
    gateway = make_gateway(mqtt_port=mosquitto.port, brokers=NOWHERE)
    board = json.loads((ROOT / f"boards/{name}.json").read_text())
    root = image(tmp_path / "root", board, budget["ram_mib"])
    assert profile("apply", root).returncode == 0
    shutil.copytree(root / "etc/tributary/conf.d", gateway.folder / "conf.d")
    gateway.start()
    mosquitto.wait_subscribed()
    with Publisher(mosquitto.port) as publisher:
        publisher.publish(numbered(COUNT, series=200))
        publisher.finish()
        status = gateway.wait_status(lambda s: s["store"]["queue_bytes"] == 0, 60, "everything on the disk")
        assert status["store"]["max_bytes"] == in_bytes(budget["store_max_size"])
        peak = gateway.peak_rss_bytes()
        figure(f"board.{name}.{budget['ram_mib']}.peak_rss_mib", round(peak / (1 << 20), 1))
        assert peak <= in_bytes(budget["memory_high"])
        bytes_before, commits_before = gateway.write_bytes(), status["store"]["commits"]
        publisher.publish(numbered(24, series=4), rate=4)
        publisher.finish()
        status = gateway.status()
        commits = status["store"]["commits"] - commits_before
        if gateway.write_bytes() == bytes_before:
            pytest.skip("the file system of the test does not count what is written (tmpfs)")
    seconds = {"500ms": 0.5, "1s": 1, "2s": 2}[budget["gather"]]
    a_day = (gateway.write_bytes() - bytes_before) / commits * 86400 / seconds
    figure(f"board.{name}.{budget['ram_mib']}.written_a_day_gib", round(a_day / (1 << 30), 2))
    assert commits >= 2
    assert a_day <= in_bytes(budget["written_per_day"])


def test_table_of_the_document():
    rows = []
    for path in BOARDS:
        board = json.loads(path.read_text())
        rows.append("| `{}` | {} | {} | {} MiB | {} | {} |".format(
            board["id"], board["facts"]["debian_arch"]["value"], "device tree" if "compatible" in board["match"] else "DMI",
            ", ".join(str(budget["ram_mib"]) for budget in board["budgets"]), merged(board, "gather"), merged(board, "store_max_size")))
    table = [line for line in (ROOT / "docs/boards.md").read_text().splitlines() if line.startswith("| `")]
    assert table == rows


def merged(board, key):
    values = [budget[key] for budget in board["budgets"]]
    return ", ".join(values if len(set(values)) > 1 else values[:1])
