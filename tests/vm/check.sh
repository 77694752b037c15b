# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Report lines, the same on the host and in the guest; lane.sh counts them. Sourced.

# check NAME COMMAND…: PASS when the command succeeds; FAIL shows what it said, or else the command.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'PASS %s\n' "$name"
    else
        [[ -n $said ]] || said="refused: $*"
        printf 'FAIL %s\n    %s\n' "$name" "${said//$'\n'/$'\n'    }"
    fi
}

# same WANTED GOT: for check; shows both.
same() {
    [[ $1 == "$2" ]] || { printf 'wanted: %q\ngot:    %q\n' "$1" "$2" && return 1; }
}
