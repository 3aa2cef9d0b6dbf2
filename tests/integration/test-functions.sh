#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# functions.sh itself: what a test script relies on must work, above all
# where it says that something failed.

set -e -u
source "${builddir:-.}/tests/functions.sh"

# Runs a script that starts with functions.sh; its output and status.
inner () {
    local status=0
    cat >"$tmp/inner.sh"
    TMPDIR=$tmp bash -e -u -c \
        "source '$builddir/tests/functions.sh'; source '$tmp/inner.sh'" \
        >"$tmp/out" 2>&1 || status=$?
    cat "$tmp/out"
    return $status
}

status_is () {
    local expected=$1 status=0
    inner || status=$?
    (( status == expected )) || fail "status $status, expected $expected"
}

says () {
    grep -q -e "$1" "$tmp/out" || fail "'$1' was not said"
}

# Verdicts.
status_is 0 <<<'true'
status_is 1 <<<'fail "something"; true'
says 'FAIL: inner.sh:1: something'
status_is 77 <<<'skip "no reason"'
says '^SKIP: no reason$'
status_is 3 <<<'exit 3'

# Clean-up runs last in first out, with its arguments as they were, and
# keeps the status.
status_is 5 <<'END'
cleanup_fn echo 'first  $x' 'a*'
cleanup_fn false
cleanup_fn echo second
exit 5
END
[[ $(tail -n 2 "$tmp/out") == $'second\nfirst  $x a*' ]] || fail "clean-up"

# $tmp is in TMPDIR and goes away, also when the script is killed.
status_is 0 <<<'[[ $tmp == $TMPDIR/* ]]; touch "$tmp/x"; echo "$tmp"'
[[ ! -e $(cat "$tmp/out") ]] || fail "\$tmp is still there"
status_is 143 <<<'echo "$tmp"; kill -TERM $$; wait'
[[ ! -e $(cat "$tmp/out") ]] || fail "\$tmp is still there"

# What a test needs.
status_is 0 <<<'requires true'
status_is 77 <<<'requires false with arguments'
says "^SKIP: needs 'false with arguments'"
status_is 0 <<<'requires_plugin null; requires_filter nofilter'
status_is 77 <<<'requires_plugin no-such'
says '^SKIP: needs the plugin no-such'
status_is 77 <<<'requires_filter no-such'
says '^SKIP: needs the filter no-such'

# Errors that are expected.
status_is 0 <<<'expect_error "No such (file|dir)" ls /no-such-file'
status_is 1 <<<'expect_error "something else" ls /no-such-file'
status_is 1 <<<'expect_error "" true'
status_is 1 <<<'expect_error "" bash -c "kill -SEGV \$\$"'

# Random data has no zeroes, depends on the seed only, and differs from
# file to file.
status_is 0 <<'END'
SEED=7
random_file "$tmp/a" 100000
random_file "$tmp/b" 100000
SEED=7
random_file "$tmp/c" 100000
cmp "$tmp/a" "$tmp/c"
! cmp -s "$tmp/a" "$tmp/b"
[[ $(stat -c %s "$tmp/a") == 100000 ]]
[[ $(tr -d '\000' <"$tmp/a" | wc -c) == 100000 ]]
random_file "$tmp/d" 3M
[[ $(stat -c %s "$tmp/d") == 3145728 ]]
END
says 'seed 7'

# Waiting.
status_is 0 <<<'wait_until 5 true'
status_is 1 <<<'wait_until 0 false'

# Servers.
status_is 0 <<'END'
start_nbdkit "$tmp/s1" memory 1M
first=$nbdkit_pid
start_nbdkit "$tmp/s2" memory 2M
[[ $first != "$nbdkit_pid" ]]
kill -0 $first
[[ $(cat "$tmp/s1.pid") == "$first" ]]
stop_nbdkit "$tmp/s1"
! kill -0 $first 2>/dev/null
kill_nbdkit "$tmp/s2"
! kill -0 $nbdkit_pid 2>/dev/null
start_nbdkit "$tmp/s1" memory 1M
echo "left $nbdkit_pid"
END
pid=$(sed -n 's/^left //p' "$tmp/out")
! kill -0 "$pid" 2>/dev/null || fail "a server was left behind"

# One that does not start fails the test with its message.
status_is 1 <<<'start_nbdkit "$tmp/s" null no-such-key=1'
says 'unknown parameter'
says 'FAIL: inner.sh:1: nbdkit did not start'

# One that ends badly fails the test, although the script did not mind.
status_is 1 <<<'start_nbdkit "$tmp/s" null; kill -ABRT $nbdkit_pid'
says 'ended with status 134'
status_is 1 <<<'start_nbdkit "$tmp/s" null
kill -ABRT $nbdkit_pid
stop_nbdkit "$tmp/s"'
says 'ended with status 134'
status_is 4 <<<'start_nbdkit "$tmp/s" null; exit 4'
