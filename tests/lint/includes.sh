#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Includes go down, never up or sideways, by the table in
# docs/architecture.md; foreign headers stay in their rooms.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

# The rooms of the table and their levels: "| 1 | `common/vhd` | ...".
declare -A level=()
while IFS='|' read -r _ number rooms _; do
    for room in ${rooms//[\`,]/ }; do level[$room]=${number// /}; done
done < <(grep -E '^\| [0-9]+ \| `' "$srcdir/docs/architecture.md")
(( ${#level[@]} >= 7 )) || fail "no table in docs/architecture.md"

# Which rooms may use a foreign header: an extended regular expression
# for the header, then one for the folder.
foreign='
nbdkit-.*\.h               common/glue|plugins/.*|filters/.*
sqlite3\.h                 common/layer/sqlite
openssl/.*\.h              common/(cloud|xts)
expat\.h                   common/cloud
libcryptsetup\.h           common/luks
curl/.*\.h                 common/http
libnbd\.h                  common/nbd
liburing\.h                common/uring
linux/vfio\.h              common/vfio
'

# What pure rooms may use of the system's headers (of stdio, snprintf).
pure='config|assert|cpuid|ctype|errno|immintrin|inttypes|limits|math|stdalign|stdarg'
pure+='|openssl/(evp|hmac)|expat|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string'

room_of () {                    # FILE
    case $1 in
        common/*) local rest=${1#common/}; echo "common/${rest%%/*}" ;;
        *) echo "${1%%/*}" ;;
    esac
}

own_header () {                 # FILE ROOM HEADER
    local target
    # Beside the file, else below common.
    [[ ! -e $srcdir/${1%/*}/$3 ]] || return 0
    [[ $1 != tools/* || ! -e $srcdir/tools/$3 ]] || return 0
    target=$(room_of "common/$3")
    if [[ ! -e $srcdir/common/$3 ]]; then
        complain "$1: $3: no such header in common"
    elif [[ ! ${level[$target]-} ]]; then
        complain "$1: $3: docs/architecture.md does not have $target"
    elif [[ $target != "$2" ]] && (( level[$target] >= level[$2] )); then
        complain "$1: $3: $2 must not include $target"
    fi
}

system_header () {              # FILE ROOM HEADER
    local header folder
    while read -r header folder; do
        [[ $header && $3 =~ ^($header)$ ]] || continue
        [[ ${1%/*} =~ ^($folder)$ ]] || complain "$1: <$3> has its own room"
    done <<<"$foreign"
    if [[ ${level[$2]} == 1 && ! $3 =~ ^($pure)\.h$ ]]; then
        complain "$1: <$3> in a pure room"
    fi
}

n=0
while IFS=: read -r f include; do
    [[ $f != tests/* ]] || continue
    room=$(room_of "$f")
    [[ ${level[$room]-} ]] || fail "docs/architecture.md does not have $room"
    name=${include#*[<\"]} name=${name%%[>\"]*}
    case $include in
        *\"*) own_header "$f" "$room" "$name" ;;
        *) system_header "$f" "$room" "$name" ;;
    esac
    n=$(( n + 1 ))
done < <(cd "$srcdir" && lint_files '*.[ch]' |
             xargs grep -HE '^[[:space:]]*#[[:space:]]*include')
lint_end $n includes
