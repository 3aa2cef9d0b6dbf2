# SPDX-License-Identifier: BSD-3-Clause
#
# A client that reads from its export until that fails with ESHUTDOWN, for
# a minute at most.  It makes FILE when it has read once.
#
#   until-gone.py URI FILE

import sys
import time

import nbd

uri, ready = sys.argv[1:]
h = nbd.NBD()
h.connect_uri(uri)
end = time.monotonic() + 60
while time.monotonic() < end:
    try:
        h.pread(4096, 0)
    except nbd.Error as e:
        sys.exit(0 if e.errno == "ESHUTDOWN" else f"{e.errno}: {e}")
    open(ready, "w").close()
    time.sleep(0.05)
sys.exit("reads do not fail")
