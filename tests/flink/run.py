# SPDX-License-Identifier: Apache-2.0
"""Runs every trace through a real Flink and compares with the stored results; `--update` stores instead.

    run.py CLASSPATH [--update]        scripts/flink.sh makes the class path
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

from settings import FOLDER, SETTINGS, Result, interleaved, read_results, write_results, write_trace

MINUTES = 20
# Flink's serializers look into collections of the JDK, which a modern Java has to be told to allow.
JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "--add-opens=java.base/java.util=ALL-UNNAMED",
        "--add-opens=java.base/java.lang=ALL-UNNAMED"]


def read_output(path):
    """Of a window emitted several times the last counts; -1 late records = Flink had no counter for them (batch)."""
    windows, late = {}, None
    for line in path.read_text().splitlines():
        cells = line.split(",")
        if cells[0] == "late":
            late = int(cells[1])
        else:
            windows[int(cells[1]), int(cells[2])] = (int(cells[3]), *map(float, cells[4:]))
    return Result(windows, late)


def flink(class_path, folder):
    """-> {setting: {api: {trace: Result}}}, and the result of all traces as series of one job."""
    plan, outputs = [], {}
    for name, setting in SETTINGS.items():
        for trace, readings in setting.traces().items():
            source = folder / f"{trace}.csv"
            write_trace(source, [(trace, *reading) for reading in readings])
            for api in setting.apis:
                output = folder / f"{name}.{trace}.{api}"
                outputs[name, api, trace] = output
                plan.append(f"api={api} trace={source} output={output} {setting.words()}")
    together = SETTINGS["tumbling"]
    write_trace(folder / "together.csv", interleaved(together.traces()))
    plan.append(f"api=sql trace={folder}/together.csv output={folder}/together {together.words()}")
    (folder / "plan").write_text("\n".join(plan) + "\n")
    with (folder / "log").open("w") as log:
        done = subprocess.run([*JAVA, "-cp", class_path, "FlinkWindows", folder / "plan"], stdin=subprocess.DEVNULL,
                              stdout=log, stderr=log, timeout=60 * MINUTES, check=False)
    if done.returncode != 0:
        sys.exit(f"flink: failed\n{(folder / 'log').read_text()[-4000:]}")
    print(f"flink: {len(plan)} jobs")
    results = {}
    for (name, api, trace), output in outputs.items():
        results.setdefault(name, {}).setdefault(api, {})[trace] = read_output(output)
    return results, read_output(folder / "together")


def agreed(name, by_api):
    """The one result of all APIs."""
    (first, results), *others = by_api.items()
    for api, other in others:
        for trace, result in results.items():
            if result.windows != other[trace].windows or other[trace].late not in (result.late, -1):
                sys.exit(f"flink: {name}, {trace}: {first} and {api} do not agree")
    for result in results.values():
        result.late = max(result.late, 0)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("class_path")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        by_setting, together = flink(arguments.class_path, pathlib.Path(folder))
    alone = agreed("tumbling", by_setting["tumbling"])
    print(f"flink: late records in 'tumbling': {sum(result.late for result in alone.values())} with one job per series, "
          f"{together.late} with all series in one job")
    FOLDER.mkdir(parents=True, exist_ok=True)
    different = []
    for name, by_api in by_setting.items():
        results, path = agreed(name, by_api), FOLDER / f"{name}.csv"
        if arguments.update:
            write_results(path, results)
        elif not path.exists() or read_results(path) != results:
            different.append(path.name)
    if different:
        sys.exit(f"flink: not what is stored: {', '.join(different)}")
    print(f"flink: {len(by_setting)} settings {'stored' if arguments.update else 'equal what is stored'}")


main()
