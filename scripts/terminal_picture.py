"""Makes a picture (SVG) of a terminal session from what commands really print.

    python scripts/terminal_picture.py docs/pictures/run.svg "kerascope run examples/second_order_jax.py"

Each command runs in a terminal of its own, 80 columns wide, so it colours its output as for a person.
"""

from __future__ import annotations

import argparse
import io
import os
import pty
import re
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

ROWS = 50


def output_of(command: str, columns: int) -> str:
    """Runs a shell command in a pseudo-terminal; returns all it wrote, escape sequences included."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    # The interpreter's folder first, so that `kerascope` is the one installed beside it.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    process = subprocess.Popen(command, shell=True, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # how Linux says that the last writer has closed it
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    process.wait()
    return b"".join(chunks).decode("utf-8", "replace")


def session(commands: list[str], columns: int, drop: list[str]) -> Text:
    """Returns prompt, command and output of each command; lines that match a pattern of `drop` are left out."""
    text = Text()
    for number, command in enumerate(commands):
        text.append("\n\n" if number else "")
        text.append("$ ", "bold green")
        text.append(f"{command}\n", "bold")
        for line in output_of(command, columns).replace("\r\n", "\n").split("\n"):
            plain = Text.from_ansi(line.rpartition("\r")[2])
            if not any(re.search(pattern, plain.plain) for pattern in drop):
                text.append_text(plain).append("\n")
        text.rstrip()
    return text


def picture(text: Text, columns: int, title: str) -> str:
    """Returns the SVG. It loads nothing: the font is whatever monospaced one the reader has."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(text, soft_wrap=False)
    svg = console.export_svg(title=title, theme=DIMMED_MONOKAI, unique_id="session")
    svg = re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "Menlo, Consolas, 'DejaVu Sans Mono', monospace")
    return re.sub(r"\n\s*\n+", "\n", svg)


def main() -> None:
    """Reads the command line and writes the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("svg", type=Path, help="where the picture goes")
    parser.add_argument("commands", nargs="+", metavar="COMMAND", help="a shell command, quoted")
    parser.add_argument("--title", default="kerascope", help="the window's title (default: kerascope)")
    parser.add_argument("--columns", type=int, default=80, help="the window's width (default: 80)")
    parser.add_argument(
        "--drop",
        action="append",
        default=[],
        metavar="REGEX",
        help="leave out lines that match; may be repeated",
    )
    args = parser.parse_args()
    svg = picture(session(args.commands, args.columns, args.drop), args.columns, args.title)
    args.svg.parent.mkdir(parents=True, exist_ok=True)
    args.svg.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
