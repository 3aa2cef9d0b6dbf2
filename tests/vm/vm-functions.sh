# SPDX-License-Identifier: BSD-3-Clause
#
# For tests that need a kernel of their own: functions of the test are run
# in a virtual machine whose root is the host's, so that it has the same
# build at the same place.  There is no KVM in many places where tests run;
# an emulated machine boots in some four seconds.

# requires_vm: skip unless virtual machines can be run.  What they boot
# from is fetched from Debian by whoever comes first, and set $vm_rig to
# where it is.
requires_vm () {
    local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/diskstack-tests
    requires qemu-system-x86_64 --version
    requires apt-cache --version
    mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] ||
        skip "needs a folder $cache"
    vm_rig=$cache/vm-$(cat "$srcdir"/tests/vm/{make-rig,initrd-init} |
                           md5sum | cut -c1-8)
    exec 7>"$cache/vm-lock"
    flock 7
    if [[ ! -d $vm_rig ]]; then
        rm -rf -- "$cache"/vm-[!l]*     # others have been replaced
        "$srcdir/tests/vm/make-rig" "$vm_rig" >"$tmp/rig.log" 2>&1 ||
            skip "needs a kernel of Debian's: $(tail -n 1 "$tmp/rig.log")"
    fi
    exec 7>&-
}

# vm_share PATHS...: copy files and folders to where the next virtual
# machine has /out.
vm_share () {
    rm -rf -- "$tmp/vm"
    mkdir "$tmp/vm"
    cp -r -- "$@" "$tmp/vm/"
}

# vm FUNCTION QEMU-ARGS...: run the function in a virtual machine, under
# `set -e -u', in an empty folder $tmp in memory, with the functions and
# the files that the test has; and fail if it fails.  What it leaves in
# /out is in $tmp/vm here, its output is shown.
vm () {
    local function=$1 accel=tcg,thread=multi machine=q35 cpu=max status
    shift
    mkdir -p "$tmp/vm"
    rm -f -- "$tmp/vm/status"
    {
        echo "export LC_ALL=C srcdir=${srcdir@Q} builddir=${builddir@Q}"
        echo "PATH=${builddir@Q}:${builddir@Q}/tools:\$PATH"
        echo "set -e -u; cd ${builddir@Q}"
        echo 'source "$builddir/tests/functions.sh"'
        declare -f | sed '/^_cleanups/d'
        echo "cd \"\$tmp\"; $function"
    } >"$tmp/vm/job"
    # /dev/kvm is there on hosts that can only run kernels made for them.
    if [[ -w /dev/kvm ]] && grep -qwE 'svm|vmx' /proc/cpuinfo; then
        accel=kvm machine+=,kernel-irqchip=split cpu=host
    fi
    timeout --kill-after=10 "${VM_TIMEOUT:-240}" qemu-system-x86_64 \
        -machine $machine -accel $accel -cpu $cpu -smp 2 -m 1024 \
        -nodefaults -no-user-config -display none -no-reboot -serial stdio \
        -kernel "$vm_rig/vmlinux" -initrd "$vm_rig/initrd.cpio" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off \
vm.init=$srcdir/tests/vm/guest-init vm.rig=$vm_rig" \
        -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
        -virtfs local,path="$tmp/vm",mount_tag=out,security_model=none \
        "$@" </dev/null >"$tmp/vm/console" 2>&1 || :
    status=$(cat "$tmp/vm/status" 2>/dev/null) || status=
    cat "$tmp/vm/log" 2>/dev/null || :
    if [[ ! $status ]]; then
        tail -n 30 "$tmp/vm/console"
        fail "the virtual machine did not get to the end of $function"
    fi
    [[ $status == 0 ]] || fail "$function: status $status in the guest"
}

# vm_with_qmp FUNCTION QEMU-ARGS...: as vm, and the function may use qmp.
vm_with_qmp () {
    local function=$1 pid
    shift
    mkdir -p "$tmp/vm"
    python3 "$srcdir/tests/vm/qmp-answer.py" "$tmp/qmp" "$tmp/vm" &
    pid=$!
    cleanup_fn kill "$pid"
    vm "$function" -qmp unix:"$tmp/qmp",server=on,wait=off "$@"
}

# qmp JSON: in the guest, have QEMU's monitor do this.
qmp () {
    rm -f /out/qmp-answer
    echo "$1" >/out/qmp-request.new
    mv /out/qmp-request.new /out/qmp-request
    wait_until 20 test -e /out/qmp-answer || fail "no answer to $1"
    cat /out/qmp-answer
    ! grep -q '^{"error"' /out/qmp-answer || fail "$1"
}
