"""Has the server fork for the program of a command line, and ends as that ends; where it declines, becomes Python."""

import json
import os
import signal
import socket
import struct
import sys

NUMBER = struct.Struct("!q")

place, python, *arguments = sys.argv[1:]
asked = json.dumps({"arguments": arguments, "env": dict(os.environ), "cwd": os.getcwd()}).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect(place)
    socket.send_fds(server, [NUMBER.pack(len(asked))], [0, 1, 2])
    server.sendall(asked)
    if server.recv(1) == b"n":
        os.execv(python, [python, *arguments])
    told = server.recv(NUMBER.size, socket.MSG_WAITALL)
if not told:
    sys.exit("The process that forks has ended.")
code = os.waitstatus_to_exitcode(NUMBER.unpack(told)[0])
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -code)
os._exit(code)
