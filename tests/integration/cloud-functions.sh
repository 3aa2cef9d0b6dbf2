# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests with servers of Azure's and Amazon's interfaces share.
# Both servers are packages of npm, which are installed once, into the
# user's cache, and run on loopback with ports that the system chooses.

requires node -e 'process.exit (parseInt (process.versions.node) < 20 ? 1 : 0)'
requires curl --version
requires python3 --version
requires flock --version

azurite=azurite@3.35.0
s3rver=@20minutes/s3rver@4.0.4

cloud_tool=$builddir/tests/support/cloud-tool

# The account of Azurite, which is the same everywhere; and those of S3.
account=devstoreaccount1
account_key=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6
account_key+=tq/K1SZFPTOtr/KBHBeksoGMGw==
s3_id=S3RVER s3_secret=S3RVER s3_region=us-east-1 s3_bucket=disks

# requires_package PACKAGE@VERSION: install it unless it is there, and set
# $package to its folder.
requires_package () {
    local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/diskstack-tests
    local home=$cache/${1//\//_} name=${1%@*} new
    mkdir -p "$cache" 2>/dev/null && [[ -w $cache ]] ||
        skip "needs a folder $cache"
    # One at a time; and all of it or nothing.
    exec 7> "$cache/lock"
    flock 7
    if [[ ! -d $home ]]; then
        requires npm --version
        rm -rf -- "$cache"/new-*        # of a test that was killed
        new=$(mktemp -d "$cache/new-XXXXXX")
        cleanup_fn rm -rf -- "$new"
        timeout 300 npm install --prefix "$new" --ignore-scripts --no-audit \
            --no-fund --loglevel=error --fetch-retries=1 \
            --fetch-timeout=20000 "$1" </dev/null >"$tmp/npm.log" 2>&1 ||
            skip "needs npm's package $1: $(grep -m 1 . "$tmp/npm.log")"
        mv "$new" "$home"
    fi
    exec 7>&-
    package=$home/node_modules/$name
}

declare -A _cloud_pid=()

# _start_server NAME PATTERN COMMAND...: run it until the test ends, and
# set $port to what the pattern of sed finds in its messages.
_start_server () {
    local name=$1 pattern=$2
    shift 2
    "$@" </dev/null >"$tmp/$name.log" 2>&1 &
    _cloud_pid[$name]=$!
    cleanup_fn stop_server "$name"
    _has_port () {
        port=$(sed -n "$pattern" "$tmp/$name.log")
        [[ $port ]] || ! kill -0 "${_cloud_pid[$name]}" 2>/dev/null
    }
    wait_until 60 _has_port && [[ $port ]] ||
        fail "$name did not start: $(<"$tmp/$name.log")"
}

# stop_server NAME: "azurite" or "s3".
stop_server () {
    local pid=${_cloud_pid[$1]:-}
    [[ $pid ]] || return 0
    unset "_cloud_pid[$1]"
    # It waits for connections that are kept alive.
    kill -KILL "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
}

# start_azurite ARGS...: a server of Azure's blobs, which forgets all when
# it ends.  Sets $endpoint, the URL of the account, and $connection.
start_azurite () {
    requires_package "$azurite"
    _start_server azurite \
        's,.*Blob service successfully listens on https\?://.*:\([0-9]*\)$,\1,p' \
        node "$package/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort 0 \
        --inMemoryPersistence --disableTelemetry --silent "$@"
    endpoint=http://127.0.0.1:$port/$account
    connection="AccountName=$account;AccountKey=$account_key;BlobEndpoint=$endpoint"
}

# start_s3: a server of S3, with a bucket.  Sets $s3_endpoint.
start_s3 () {
    requires_package "$s3rver"
    mkdir "$tmp/s3"
    _start_server s3 's,^port \([0-9]*\)$,\1,p' node -e '
        const S3rver = require (process.argv[1]);
        new S3rver ({ address: "127.0.0.1", port: 0, silent: true,
                      directory: process.argv[2], vhostBuckets: false,
                      configureBuckets: [{ name: process.argv[3] }] })
            .run ().then (a => console.log ("port " + a.port));
        ' "$package" "$tmp/s3" "$s3_bucket"
    s3_endpoint=http://127.0.0.1:$port
}

# upload ARGS...: what puts data there, and signs with code that is not
# ours: cloud-upload.py has the words.
upload () {
    python3 "$srcdir/tests/integration/cloud-upload.py" "$@"
}

# azure COMMAND...: to where start_azurite is.
azure () { upload azure "$endpoint" "$account" "$account_key" "$@"; }

# s3 COMMAND...: to where start_s3 is.
s3 () { upload s3 "$s3_endpoint" "$s3_id" "$s3_secret" "$s3_region" "$@"; }

# fetch EXPECTED OUT URL [-I] [HEADER: VALUE]...: the status must be that.
# The body is in OUT, the headers in OUT.headers.
fetch () {
    local expected=$1 out=$2 url=$3 args=() status
    shift 3
    if [[ ${1-} == -I ]]; then
        args+=(-I)
        shift
    fi
    while (( $# )); do
        args+=(-H "$1")
        shift
    done
    status=$(curl -sS --noproxy '*' --path-as-is --max-time 30 \
        -D "$out.headers" -o "$out" -w '%{http_code}' "${args[@]}" "$url")
    [[ $status == "$expected" ]] ||
        fail "$url: $status instead of $expected: $(head -c 500 "$out")"
}

# explained STATUS OUT TEXT: what we make of a refusal begins with TEXT.
explained () {
    local message
    message=$("$cloud_tool" error "$1" < "$2")
    echo "$message"
    [[ $message == "$3"* ]] || fail "$message instead of $3"
}

# azure_get EXPECTED METHOD URL [HEADER VALUE]...: signed with $connection,
# now.  The body is in $tmp/out.
azure_get () {
    local expected=$1 method=$2 url=$3 headers=() i
    shift
    mapfile -t headers < <("$cloud_tool" azure "$connection" "$(date +%s)" "$@")
    (( ${#headers[@]} == 3 )) || fail "not signed: $*"
    shift 2
    for (( i = 1; i <= $#; i += 2 )); do
        headers+=("${!i}: ${*:i+1:1}")
    done
    [[ $method == GET ]] || headers=(-I "${headers[@]}")
    fetch "$expected" "$tmp/out" "$url" "${headers[@]}"
}

# serves_by_name DATA NAME OUT WHY ARGS...: a server with the arguments has
# the data as the exports disk.img and NAME, and neither OUT, nor others, nor
# the one without a name; WHY is what it says of a name that there is not.
serves_by_name () {
    local data=$1 odd=$2 out=$3 why=$4 name
    start_nbdkit "$tmp/sock" "${@:5}"
    for name in disk.img "$odd"; do
        client "$tmp/sock" "$name" <<PYTHON
assert h.pread(1000, 1000) == open("$data", "rb").read()[1000:2000]
PYTHON
    done
    for name in none "$out" ''; do
        ! client "$tmp/sock" "$name" </dev/null 2>/dev/null ||
            fail "export $name"
    done
    stop_nbdkit "$tmp/sock"
    grep -q "$why" "$tmp/sock.log" || fail "$(<"$tmp/sock.log")"
}
