# SPDX-License-Identifier: BSD-3-Clause
#
# Does what a virtual machine asks of its own monitor: each file
# FOLDER/qmp-request is a command, and FOLDER/qmp-answer then the answer.
# Never ends.
#
#   qmp-answer.py SOCKET FOLDER

import json
import os
import socket
import sys
import time

path, folder = sys.argv[1:]
request, answer = folder + "/qmp-request", folder + "/qmp-answer"
s = socket.socket(socket.AF_UNIX)
for _ in range(600):
    try:
        s.connect(path)
        break
    except OSError:
        time.sleep(0.05)
stream = s.makefile("rw")


def command(o):
    stream.write(json.dumps(o) + "\n")
    stream.flush()
    for line in stream:
        reply = json.loads(line)
        if "return" in reply or "error" in reply:
            return reply
    sys.exit(0)


stream.readline()
command({"execute": "qmp_capabilities"})
while True:
    if os.path.exists(request):
        with open(request) as f:
            text = f.read()
        os.unlink(request)
        with open(answer + ".new", "w") as f:
            f.write(json.dumps(command(json.loads(text))) + "\n")
        os.rename(answer + ".new", answer)
    time.sleep(0.05)
