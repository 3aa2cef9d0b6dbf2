#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack pr: every command and what it prints, its exit status, and what
# it says of wrong options and of servers that there are not.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/pr-functions.sh"

cd "$tmp"
start_nbdkit sock --filter=pr memory 1M pr-socket=pr.sock \
             pr-socket-for=c:c.sock pr-file=file

# as INITIATOR OPTIONS...
as () { diskstack pr --out --initiator="$@" pr.sock; }

# status STATUS PATTERN CMD ARGS...
status () {
    local s=0
    "${@:3}" >out 2>&1 || s=$?
    cat out
    (( s == $1 )) || fail "status $s from: ${*:3}"
    grep -Eq -e "$2" out || fail "expected '$2' from: ${*:3}"
}

# shows OPTIONS... <<TEXT
shows () { diff <(diskstack pr "$@" pr.sock) -; }

shows <<'TEXT'
  PR generation=0x0, there are NO registered reservation keys
TEXT
shows --in --read-reservation <<'TEXT'
  PR generation=0x0, there is NO reservation held
TEXT
shows -i -s <<'TEXT'
  PR generation=0x0, no full status descriptors
TEXT
as a --register --param-sark=1234abcd --param-aptpl
shows -k <<'TEXT'
  PR generation=0x1, 1 registered reservation key follows:
    0x1234abcd
TEXT
as b -I -K 77 -S 0x2
as a --reserve --param-rk=1234abcd --prout-type=5
shows --read-keys <<'TEXT'
  PR generation=0x2, 2 registered reservation keys follow:
    0x1234abcd
    0x2
TEXT
shows -r <<'TEXT'
  PR generation=0x2, Reservation follows:
    Key=0x1234abcd
    scope: LU_SCOPE,  type: Write Exclusive, registrants only
TEXT
shows --read-full-status <<'TEXT'
  PR generation=0x2
    Key=0x1234abcd
      All target ports bit clear
      Relative port address: 0x1
      << Reservation holder >>
      scope: LU_SCOPE,  type: Write Exclusive, registrants only
      Transport Id of initiator:
        iSCSI name: a
    Key=0x2
      All target ports bit clear
      Relative port address: 0x1
      not reservation holder
      Transport Id of initiator:
        iSCSI name: b
TEXT
shows --report-capabilities <<'TEXT'
Report capabilities response:
  Replace Lost Reservation Capable(RLR_C): 0
  Compatible Reservation Handling(CRH): 0
  Specify Initiator Ports Capable(SIP_C): 0
  All Target Ports Capable(ATP_C): 0
  Persist Through Power Loss Capable(PTPL_C): 1
  Type Mask Valid(TMV): 1
  Allow Commands: 0
  Persist Through Power Loss Active(PTPL_A): 0
    Support indicated in Type mask:
      Write Exclusive, all registrants: 1
      Exclusive Access, registrants only: 1
      Write Exclusive, registrants only: 1
      Exclusive Access: 1
      Write Exclusive: 1
      Exclusive Access, all registrants: 1
TEXT

# What is refused, and with which status.
status 24 'pr.sock: RESERVATION CONFLICT' as b --reserve -K 2 -T 1
status 24 'pr.sock: RESERVATION CONFLICT' as b --clear --param-rk=3
status 5 'INVALID RELEASE OF PERSISTENT' as a --release -K 1234abcd -T 1
status 5 'pr.sock: INVALID FIELD IN CDB' as a --reserve -K 1234abcd -T 2

# The rest of them.
as b --preempt-abort -K 2 -S 1234abcd -T 3
as b --register-move -K 2 -S 5 --transport-id=iqn.2026-11.org.example:d \
   --param-unreg
shows -s <<'TEXT'
  PR generation=0x4
    Key=0x5
      All target ports bit clear
      Relative port address: 0x1
      << Reservation holder >>
      scope: LU_SCOPE,  type: Exclusive Access
      Transport Id of initiator:
        iSCSI name: iqn.2026-11.org.example:d
TEXT
diskstack pr --out --register --param-sark=c c.sock
diskstack pr --out --preempt --param-rk=c --param-sark=5 --prout-type=8 c.sock
diskstack pr --out --release --param-rk=c --prout-type=8 c.sock
diskstack pr --out --clear --param-rk=c c.sock
shows <<'TEXT'
  PR generation=0x7, there are NO registered reservation keys
TEXT

# Options that are wrong.
status 1 'c.sock: clients cannot choose' diskstack pr --initiator=a c.sock
status 1 'must be a hexadecimal number' as a --register --param-sark=x
status 1 'must be a hexadecimal number' as a --register --param-sark=-1
status 1 'must be a hexadecimal number' as a --register -S 12345678123456781
status 1 'at most f' as a --reserve --prout-type=10
status 1 'the name of an initiator' diskstack pr --initiator= pr.sock
status 1 'only one of these' diskstack pr --in --out pr.sock
status 1 'only one of these' diskstack pr -k -r pr.sock
status 1 'needs --out' diskstack pr --register pr.sock
status 1 '--out needs one of' diskstack pr --out pr.sock
status 1 '--out needs one of' diskstack pr --out -k pr.sock
status 1 'needs --transport-id' as a --register-move
status 1 'usage: diskstack pr' diskstack pr
status 1 'usage: diskstack pr' diskstack pr --bogus pr.sock
status 0 'usage: diskstack pr' diskstack pr --help
status 1 'nowhere: No such file' diskstack pr nowhere
stop_nbdkit sock
status 1 'pr.sock: No such file' diskstack pr pr.sock
