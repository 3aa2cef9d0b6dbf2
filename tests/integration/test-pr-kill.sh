#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# pr: a server that is killed while commands are going on (KILL_ROUNDS
# times) has, when it starts again, the reservations as they were after the
# last command that was answered, or after the one that was not.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

cd "$tmp"
cat >victim.py <<'PYTHON'
import copy, json, random, sys
from reserve import *

# Many with long names, so that a file is no single small write.
names = [chr(ord("a") + i) * 200 for i in range(8)]
rng = random.Random(int(sys.argv[1]))

# Registrants, and what type the first one holds.
def read(p):
    found = p.registrants()
    keys = {n: k for n, (k, t) in found.items()}
    held = {n: t for n, (k, t) in found.items() if t}
    assert set(held) <= {names[0]}, held
    return {"keys": keys, "type": held.get(names[0], 0)}

# A command, and what will be afterwards.
def choose(state):
    after = copy.deepcopy(state)
    if rng.random() < 0.3:
        key = state["keys"][names[0]]
        if state["type"]:
            after["type"] = 0
            return names[0], (RELEASE, key, 0, state["type"]), after
        after["type"] = rng.choice([1, 3, 5, 6])
        return names[0], (RESERVE, key, 0, after["type"]), after
    name = rng.choice(names)
    key = rng.getrandbits(63) + 1
    after["keys"][name] = key
    return name, (REGISTER, state["keys"].get(name, 0), key), after

p = {n: Helper("pr.sock", n) for n in names}
first = p[names[0]]
now = read(first)
try:
    expected = json.load(open("state"))
except FileNotFoundError:
    for n in names:
        p[n].good(REGISTER, 0, 1, aptpl=True)
    now = read(first)
    expected = [now]
assert now in expected, (now, expected)
open("ready", "w").close()
possible = [now]
answered = 0
try:
    while True:
        name, command, after = choose(now)
        possible = [now, after]
        p[name].good(*command, aptpl=True)
        now = after
        possible = [now]
        answered += 1
except (EOFError, ConnectionError):
    json.dump(possible, open("state", "w"))
print(answered, "answered", len(possible), "possible")
PYTHON

rounds=${KILL_ROUNDS:-15}
echo "SEED=$SEED"
RANDOM=$SEED
for (( i = 0; i < rounds; i++ )); do
    start_nbdkit sock --filter=pr memory 1M pr-socket=pr.sock pr-file=file
    rm -f ready
    "$python" victim.py "$(( SEED + i ))" &
    pid=$!
    wait_until 60 test -e ready || fail "no reservations are made"
    sleep "0.0$(( RANDOM % 60 + 10 ))"
    kill_nbdkit sock
    wait $pid || fail "round $i"
    [[ -e state ]] || fail "nothing was done"
done
start_nbdkit sock --filter=pr memory 1M pr-socket=pr.sock pr-file=file
[[ ! -e file.new ]] || fail "half a file was left behind"
stop_nbdkit sock
