# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the raw plugin share, beside functions.sh.

# requires_client: what client needs.
requires_client () { requires_python_nbd; }

# client SOCK [EXPORT]: run the Python on standard input with a connected
# handle h.  fails (FUNCTION, ARGS...) is the errno that it fails with, 0
# if it does not.
client () {
    { cat <<'EOF'
import errno, os, sys
import nbd
h = nbd.NBD()
h.set_strict_mode(0)
h.add_meta_context("base:allocation")
h.set_export_name(sys.argv[2])
h.connect_unix(sys.argv[1])
def fails(f, *args, **kw):
    try:
        f(*args, **kw)
    except nbd.Error as e:
        return e.errnum
    return 0
def extents(count, offset, flags=0):
    r = []
    h.block_status(count, offset, lambda c, o, e, err: r.extend(e), flags)
    return list(zip(r[0::2], r[1::2]))
EOF
      cat
      echo 'h.shutdown()'
    } > "$tmp/client.py"
    "$python" "$tmp/client.py" "$1" "${2-}"
}

# trace_nbdkit FILE SYSCALLS: from here to trace_end, what the server that
# was started last asks of the kernel goes to FILE.
trace_nbdkit () {
    strace -f -e "trace=$2" -o "$1" -p "$nbdkit_pid" 2>"$1.err" &
    strace_pid=$!
    cleanup_fn trace_end
    local i
    for (( i = 0; i < 500; i++ )); do
        ! grep -q attached "$1.err" || return 0
        kill -0 "$strace_pid" 2>/dev/null || break
        sleep 0.02
    done
    skip "strace cannot attach: $(head -1 "$1.err")"
}

trace_end () {
    [[ $strace_pid ]] || return 0
    kill -INT "$strace_pid" 2>/dev/null || :
    wait "$strace_pid" 2>/dev/null || :
    strace_pid=
}
