"""What other profilers show of three of the slow programs, and kerascope beside them.

    KERAS_BACKEND=torch python bench/profile_others.py
    KERAS_BACKEND=tensorflow python bench/profile_others.py

Prints for each program the first rows of cProfile by own time; on torch those of torch.profiler by CPU time; on
TensorFlow the longest events of what the TensorBoard profiler collects (`tf.profiler`, read from its file, with or
without a step marker); then the verdict of `kerascope.profile`.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import profile_programs as programs

NAMES = ("slow PyDataset", "log line per batch", "layer with a loop in time")
ROWS = 5


def by_cprofile(program: Any) -> str:
    with cProfile.Profile() as profiler:
        program.model.fit(program.x, program.y, **program.fit)
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).sort_stats("tottime").print_stats(ROWS)
    lines = out.getvalue().splitlines()
    first = next(i for i, line in enumerate(lines) if "tottime" in line)
    return "\n".join(lines[first : first + ROWS + 1])


def by_torch(program: Any) -> str:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        program.model.fit(program.x, program.y, **program.fit)
    rows = sorted(profiler.key_averages(), key=lambda row: -row.self_cpu_time_total)[:ROWS]
    return "\n".join(f"{row.key:40} {row.self_cpu_time_total / 1e3:9.1f} ms in {row.count}" for row in rows)


def by_tensorboard(program: Any) -> str:
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    folder = Path(tempfile.mkdtemp())
    with tf.profiler.experimental.Profile(str(folder)):
        program.model.fit(program.x, program.y, **program.fit)
    space = xplane_pb2.XSpace.FromString(next(folder.rglob("*.xplane.pb")).read_bytes())
    total: Counter[str] = Counter()
    for plane in space.planes:
        names = {key: meta.name for key, meta in plane.event_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                total[names[event.metadata_id]] += event.duration_ps
    steps = sum("step_num" in {m.name for m in plane.stat_metadata.values()} for plane in space.planes)
    rows = [f"{name[:60]:60} {ps / 1e9:9.1f} ms" for name, ps in total.most_common(ROWS)]
    return "\n".join([*rows, f"planes with a step marker: {steps} of {len(space.planes)}"])


def by_kerascope(program: Any) -> str:
    import kerascope

    out = Path(tempfile.mkdtemp()) / "case.kscope"
    report = kerascope.profile(program.model, program.x, program.y, out=out, **program.fit).report
    place = report.findings[0].location if report.findings else None
    where = f"{place.file}:{place.line}   {place.expression or ''}" if place is not None else ""
    return f"{report.headline}\n{where}"


def main() -> None:
    for case in programs.CASES:
        if case.name not in NAMES:
            continue
        print(f"\n## {case.name}\n\ncProfile\n{by_cprofile(case.slow())}")
        if programs.BACKEND == "torch":
            print(f"\ntorch.profiler\n{by_torch(case.slow())}")
        if programs.BACKEND == "tensorflow":
            print(f"\nTensorBoard profiler\n{by_tensorboard(case.slow())}")
        print(f"\nkerascope\n{by_kerascope(case.slow())}", flush=True)


if __name__ == "__main__":
    main()
