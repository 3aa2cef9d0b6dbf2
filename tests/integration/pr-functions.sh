# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the pr filter share, beside functions.sh.

source "$srcdir/tests/integration/layer-functions.sh"

requires_filter pr
requires_python_nbd
export PYTHONPATH=$srcdir/tests/integration PYTHONDONTWRITEBYTECODE=1

# reserve ARGS... <<PYTHON: with nbd, reserve.py and what is here.
reserve () {
    { cat <<'PYTHON'; cat; } >"$tmp/client.py"
import sys, threading, time
import nbd
from reserve import *

def connect(export, uri="nbd+unix:///%s?socket=sock"):
    h = nbd.NBD()
    h.add_meta_context("base:allocation")
    h.connect_uri(uri % export)
    return h

def may(f, *args):
    try:
        f(*args)
        return True
    except nbd.Error as e:
        assert e.errno == "EPERM", e
        return False

reads = [lambda h: h.pread(512, 0), lambda h: h.cache(512, 0),
         lambda h: h.block_status(512, 0, lambda *a: 0)]
writes = [lambda h: h.pwrite(b"x" * 512, 0), lambda h: h.zero(512, 0),
          lambda h: h.pwrite(b"x", 7), lambda h: h.trim(512, 0),
          lambda h: h.pwrite(b"x" * 512, 0, nbd.CMD_FLAG_FUA),
          lambda h: h.flush()]

# Whether the client may read and write: all requests of a kind agree.
def access(h):
    r, w = {may(f, h) for f in reads}, {may(f, h) for f in writes}
    assert len(r) == 1 and len(w) == 1, (r, w)
    return ("r" if r.pop() else "-") + ("w" if w.pop() else "-")
PYTHON
    "$python" "$tmp/client.py" "$@"
}
