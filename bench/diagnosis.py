"""How good the diagnoses are: `kerascope score` on a corpus, its figures kept in bench/diagnosis.json.

    python bench/diagnosis.py tests/corpus --split aside --backend torch
    BENCH_DATA=../shared/data/mnist python bench/diagnosis.py ../shared/faults --backend torch --experiments 60

Each call replaces the entry of its corpus, split and backend; the others stay. Minutes to an hour: each script runs in
a process of its own, and where something is found changes are tried for up to `--experiments` seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from pathlib import Path

from kerascope.api.score import score, text

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--split")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--backend", choices=("jax", "tensorflow", "torch"), required=True)
    parser.add_argument("--experiments", type=float, default=60.0)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "diagnosis.json")
    args = parser.parse_args()
    result = score(
        args.corpus,
        backend=args.backend,
        jobs=args.jobs,
        resume=args.resume,
        only=args.only,
        split=args.split,
        options=("--experiments", f"{args.experiments:g}", "--jobs", "1"),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(text(result))
    kept = json.loads(args.out.read_text()) if args.out.is_file() else {}
    name = f"{Path(args.corpus).resolve().name}{'/' + args.split if args.split else ''} on {args.backend}"
    kept[name] = {
        "command": "python bench/diagnosis.py " + shlex.join(sys.argv[1:]),
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
        "experiments_seconds": args.experiments,
        "scores": dict(result.scores),
        "cases": {
            verdict.case: {
                "detected": verdict.detected,
                "diagnosed_1": verdict.lenient[1],
                "diagnosed_3": verdict.lenient[3],
                "localised_3": verdict.localised[3],
                "fix": verdict.fix,
            }
            for verdict in result.verdicts
        },
    }
    args.out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
