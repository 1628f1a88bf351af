# SPDX-License-Identifier: Apache-2.0
"""compare_tsdownsample.py TOOL: the same inputs to tsdownsample and to `downsample_tool select`; prints as JSON what was
compared and what differed. Runs in a venv that has numpy and tsdownsample."""
import json
import struct
import subprocess
import sys

import numpy
import tsdownsample

METHODS = {"m": tsdownsample.M4Downsampler(), "l": tsdownsample.LTTBDownsampler(), "x": tsdownsample.MinMaxLTTBDownsampler()}
INPUTS = 1200


def values(random, kind, count):
    shapes = (lambda: random.normal(size=count), lambda: numpy.cumsum(random.normal(size=count)),
              lambda: numpy.sin(numpy.arange(count) / 30) + 0.1 * random.normal(size=count), lambda: numpy.full(count, 3.3),
              lambda: numpy.arange(count) * 1.0, lambda: numpy.round(random.normal(size=count) * 2),
              lambda: 1e9 + random.normal(size=count), lambda: numpy.repeat(random.normal(size=count // 7 + 1), 7)[:count],
              lambda: numpy.where(numpy.arange(count) % 2, 1e-300, -1e300), lambda: -numpy.arange(count) * 1e-310)
    return shapes[kind % len(shapes)]().astype(float)


def stamps(random, kind, count):
    """None: by index. The fourth has equal stamps, as of epoch milliseconds; the fifth long gaps."""
    shapes = (lambda: None, lambda: numpy.arange(count) * 1.0, lambda: numpy.cumsum(random.exponential(size=count)),
              lambda: 1.7e12 + numpy.sort(random.integers(0, 10 * count, count)).astype(float),
              lambda: numpy.cumsum(random.random(count) ** 8 * 1000 + 1))
    return shapes[kind % len(shapes)]()


def jobs():
    random = numpy.random.default_rng(20260501)
    for number in range(INPUTS):
        count = int(random.integers(5, 6000))
        y, x = values(random, number, count), stamps(random, number // 10, count)
        for method in METHODS:
            n_out = int(random.integers(2, 251)) * 4 if method == "m" else int(random.integers(4, 1001))
            yield method, n_out, x, y


def expected(method, n_out, x, y):
    return METHODS[method].downsample(*([y] if x is None else [x, y]), n_out=n_out).astype(numpy.uint64)


def ours(tool, everything):
    data = b"".join(method.encode() + struct.pack("<3Q", n_out, len(y), x is not None) +
                    (b"" if x is None else x.tobytes()) + y.tobytes() for method, n_out, x, y in everything)
    out = subprocess.run([tool, "select"], input=data, capture_output=True, check=True, timeout=200).stdout
    at = 0
    for _ in everything:
        count = struct.unpack_from("<Q", out, at)[0]
        yield numpy.frombuffer(out, numpy.uint64, count, at + 8)
        at += 8 + 8 * count
    assert at == len(out)


def main(tool):
    everything = list(jobs())
    different, by_method = [], dict.fromkeys(METHODS, 0)
    for number, (job, mine) in enumerate(zip(everything, ours(tool, everything))):
        by_method[job[0]] += 1
        if not numpy.array_equal(expected(*job), mine):
            different.append([number, job[0], job[1], len(job[3])])
    print(json.dumps({"compared": len(everything), "by_method": by_method, "different": different[:20],
                      "version": tsdownsample.__version__}))


if __name__ == "__main__":
    main(sys.argv[1])
