#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The ./nbdkit of the build tree: which words it changes, and that it
# changes no other.  A copy of it is pointed at a build tree and a server
# that are made up here and only say how they were called.

set -e -u
source "${builddir:-.}/tests/functions.sh"
unset NBDKIT_VALGRIND NBDKIT_GDB ASAN_OPTIONS TSAN_OPTIONS LSAN_OPTIONS
unset UBSAN_OPTIONS

real=$(sed -n "s/^nbdkit='\(.*\)'/\1/p" "$builddir/nbdkit")

# The build tree: a plugin "p" and a filter "f".
b=$tmp/build
mkdir -p "$b/plugins/p/.libs" "$b/filters/f/.libs" "$tmp/bin"
P=$b/plugins/p/.libs/nbdkit-p-plugin.so
F=$b/filters/f/.libs/nbdkit-f-filter.so
touch "$P" "$F"

# Everything that can be run prints its name and its arguments.
for name in nbdkit valgrind gdb ld-fake.so; do
    printf '%s\n' '#!/bin/bash' 'printf "<%s>" "${0##*/}" "$@"; echo' \
        >"$tmp/bin/$name"
done
printf '%s\n' '#!/bin/bash' "echo '	$tmp/bin/ld-fake.so (0x1)'" \
    >"$tmp/bin/ldd"
printf '%s\n' '#!/bin/bash' 'echo "/lib/${1#*=}"' >"$tmp/bin/cc"
cp "$tmp/bin/cc" "$tmp/bin/clang"
chmod +x "$tmp"/bin/*
path=$PATH
PATH=$tmp/bin:$PATH

# wrapper SANITIZER CC: the copy.
wrapper () {
    sed -e "s|^builddir=.*|builddir='$b'|" \
        -e "s|^srcdir=.*|srcdir=/src|" \
        -e "s|^nbdkit=.*|nbdkit='$tmp/bin/nbdkit'|" \
        -e "s|^sanitizer=.*|sanitizer=$1|" \
        -e "s|^cc=.*|cc='$2'|" "$builddir/nbdkit" >"$tmp/wrapper"
    chmod +x "$tmp/wrapper"
}

# becomes EXPECTED ARGS...: what the wrapper runs.
becomes () {
    local expected=$1 got
    shift
    got=$("$tmp/wrapper" "$@") || fail "wrapper $*: status $?"
    [[ $got == "$expected" ]] || fail "wrapper $*
 became   $got
 expected $expected"
}

wrapper none cc

# Names.
becomes "<nbdkit><--><$P>" p
becomes "<nbdkit><--><$P><file><size=1M><a b>" p file size=1M 'a b'
becomes "<nbdkit><--><null>" null
becomes "<nbdkit><--><./p>" ./p
becomes "<nbdkit><--><p.so>" p.so
becomes "<nbdkit><--><./p><p>" -- ./p p
becomes "<nbdkit><--filter=$F><--><$P>" --filter=f p
becomes "<nbdkit><--filter=$F><--><$P>" --filter f p
becomes "<nbdkit><--filter=$F><--><$P>" --filt=f p
becomes "<nbdkit><--filter=$F><--filter=cow><--filter=$F><--><$P>" \
    --filter=f --filter=cow --filter f p
becomes "<nbdkit><--filter=./f><--><null>" --filter=./f null

# A parameter is not a plugin.
becomes "<nbdkit><--><$P><p><filter=f><--filter=f>" p p filter=f -- --filter=f

# Options with their arguments, apart or joined, before and after.
becomes "<nbdkit><-f><-U><p><--><$P>" -f -U p p
becomes "<nbdkit><-f><-U><p><--><$P>" -fU p p
becomes "<nbdkit><-U><p><--><$P>" -Up p
becomes "<nbdkit><-v><-r><--><$P><k=v>" p -v k=v -r
becomes "<nbdkit><--run><--filter=f p; --gdb><--><$P>" \
    --run '--filter=f p; --gdb' p
becomes "<nbdkit><-e><--><--><$P>" -e -- p
becomes "<nbdkit><-D><--gdb><--><$P>" -D --gdb p
becomes "<nbdkit><--exportname><f><--><$P>" --exportname f p
becomes "<nbdkit><--tls><off><--tls-verify-peer><--><$P>" \
    --tls=off --tls-verify-peer p
for option in debug export export-name group ip-addr log mask-handshake \
    pid-file port run selinux-label threads tls tls-certificates tls-psk \
    unix user
do
    becomes "<nbdkit><--$option><p><--><$P>" "--$option" p p
    becomes "<nbdkit><--$option><p><--><$P>" "--$option=p" p
done
for option in D e g i p P t u U; do
    becomes "<nbdkit><-$option><p><--><$P>" "-$option" p p
done

# Without a plugin.
becomes "<nbdkit><--version>" --version
becomes "<nbdkit><--dump-config>" --dump-config
becomes "<nbdkit>"

expect_error 'unrecognized option' "$tmp/wrapper" --no-such-option p
expect_error 'requires an argument' "$tmp/wrapper" p --filter

# Every option of the real server is known.
for option in $("$real" --long-options); do
    [[ $option == --@(help|version|dump-config|short-options|long-options) ]] ||
        "$tmp/wrapper" "$option" x >/dev/null ||
        fail "$option of nbdkit is not known to the wrapper"
done
for option in $("$real" --short-options); do
    "$tmp/wrapper" "$option" x >/dev/null ||
        fail "$option of nbdkit is not known to the wrapper"
done

# Under valgrind and gdb.
says () {
    local pattern=$1
    shift
    "$tmp/wrapper" "$@" >"$tmp/out"
    grep -q -e "$pattern" "$tmp/out" || fail "not '$pattern': $(cat "$tmp/out")"
}

says "^<valgrind>.*<--error-exitcode=119>.*<$tmp/bin/nbdkit><--><$P>$" \
    --valgrind p
NBDKIT_VALGRIND=1 says "^<valgrind>.*<$tmp/bin/nbdkit><-f><--><$P>$" p -f
NBDKIT_VALGRIND=1 NBDKIT_VALGRIND_ARGS='--tool=helgrind --fair-sched=try' \
    says '<--tool=helgrind><--fair-sched=try><' p
NBDKIT_VALGRIND=0 becomes "<nbdkit><--><$P>" p
becomes "<gdb><--args><$tmp/bin/nbdkit><--><$P>" --gdb p
NBDKIT_GDB=1 becomes "<gdb><--args><$tmp/bin/nbdkit><--><$P>" p

# With sanitizers.
shim=$b/tests/support/.libs/sanitizer-shim.so
wrapper asan cc
becomes "<ld-fake.so><--preload></lib/libasan.so $shim><$tmp/bin/nbdkit><--><$P>" p
says "set exec-wrapper env 'LD_PRELOAD=/lib/libasan.so $shim'" --gdb p
expect_error 'no valgrind' "$tmp/wrapper" --valgrind p
wrapper tsan cc
says 'libtsan.so' p
wrapper asan clang
says "/lib/libclang_rt.asan-$(uname -m).so" p
wrapper tsan clang
expect_error 'cannot be loaded' "$tmp/wrapper" p

# And once for real.
PATH=$path
nbdkit --dump-plugin null | grep -q '^name=null' || fail "--dump-plugin null"
start_nbdkit "$tmp/sock" null 1M
stop_nbdkit "$tmp/sock"
