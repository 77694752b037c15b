#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: tests/setup.sh [group…]   (groups: see tests/packages.sh; without one: all)
# Installs what is missing on Debian 12, Debian 13 and Ubuntu 24.04; elsewhere lists what is needed.
# Exit status: 0 everything is there, 2 wrong usage, 3 something is missing and could not be installed.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
os_release=${DMASLAB_OS_RELEASE:-/etc/os-release} # another file lets a test play another system

distribution=other
if [ -r "$os_release" ]; then
    # shellcheck disable=SC1090
    distribution=$(. "$os_release" && echo "${VERSION_CODENAME:-other}")
fi
# shellcheck source=tests/packages.sh
. "$here/packages.sh"

groups=("$@")
[ ${#groups[@]} -gt 0 ] || read -ra groups <<<"$all_groups"
for group in "${groups[@]}"; do
    if [ -z "${why[$group]:-}" ]; then
        echo "setup: no group '$group'; there are: $all_groups" >&2
        exit 2
    fi
done

# One query for all groups: a set-up with nothing to do must cost nothing.
declare -A installed
ask_dpkg()
{
    local names name status
    names=$(for group in "${groups[@]}"; do echo "${packages[$group]}"; done)
    # shellcheck disable=SC2086 # a list of words
    while read -r name status; do
        [ "$status" = installed ] && installed[$name]=1
    done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' ${names//|/ } 2>/dev/null)
}

# Prints the packages of a group of which no alternative is installed, alternatives kept.
missing_packages()
{
    local entry name
    for entry in ${packages[$1]}; do
        for name in ${entry//|/ }; do
            [ -n "${installed[$name]:-}" ] && continue 2
        done
        echo "$entry"
    done
}

# The first alternative that apt can install; the first one as it stands when it knows none.
choose()
{
    local name
    for name in ${1//|/ }; do
        if [ -n "$(apt-cache madison "$name" 2>/dev/null)" ]; then
            echo "$name"
            return
        fi
    done
    echo "${1%%|*}"
}

as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

install_with_apt()
{
    local group entry lacking wanted=() names=() reasons=()
    ask_dpkg
    for group in "${groups[@]}"; do
        lacking=$(missing_packages "$group" | tr '\n' ' ')
        [ -n "$lacking" ] || continue
        reasons+=("$group (${why[$group]}): ${lacking% }")
        for entry in $lacking; do
            wanted+=("$entry")
        done
    done
    [ ${#wanted[@]} -gt 0 ] || return 0

    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        printf 'setup: missing for %s\n' "${reasons[@]}" >&2
        echo "setup: not root and no sudo; as root: apt-get install --no-install-recommends ${wanted[*]%%|*}" >&2
        return 3
    fi
    printf 'setup: installing for %s\n' "${reasons[@]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    as_root "${apt[@]}" update >/dev/null || echo "setup: apt-get update failed; going on with what apt knows" >&2
    for entry in "${wanted[@]}"; do
        names+=("$(choose "$entry")")
    done
    local output
    output=$(mktemp)
    # A person sees that it moves; a log is spared two thousand lines, unless they are needed.
    if [ -t 1 ]; then
        as_root "${apt[@]}" install -y --no-install-recommends "${names[@]}" </dev/null
    else
        as_root "${apt[@]}" install -y --no-install-recommends "${names[@]}" </dev/null >"$output" 2>&1
    fi
    local status=$?
    if [ $status -ne 0 ]; then
        tail -n 20 "$output" >&2
        echo "setup: apt-get could not install: ${names[*]}" >&2
        status=3
    fi
    rm -f "$output"
    return $status
}

probe()
{
    local what=${1%%:*} name=${1#*:} choice
    case $what in
        cmd) command -v "$name" >/dev/null || [ -x "/usr/sbin/$name" ] || [ -x "/sbin/$name" ] ;;
        pc) pkg-config --exists "$name" 2>/dev/null ;;
        hdr) echo "#include <$name>" | c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 ;;
        py) /usr/bin/python3 -c "import $name" 2>/dev/null || python3 -c "import $name" 2>/dev/null ;;
        gst)
            for choice in ${name//|/ }; do
                gst-inspect-1.0 --exists "$choice" 2>/dev/null && return
            done
            return 1
            ;;
    esac
}

list_for_others()
{
    local group need absent=0 names
    local -A words=([cmd]="the program" [pc]="the pkg-config module" [hdr]="the C++ header"
        [py]="the Python 3 module" [gst]="the GStreamer element")
    for group in "${groups[@]}"; do
        for need in ${probes[$group]}; do
            probe "$need" && continue
            [ $absent -gt 0 ] || echo "setup: this is not Debian 12, Debian 13 or Ubuntu 24.04; please install:" >&2
            absent=$((absent + 1))
            echo "  ${words[${need%%:*}]} ${need#*:}  ($group: ${why[$group]})" >&2
        done
    done
    [ $absent -eq 0 ] && return 0
    echo "setup: on Debian 12 these come with:" >&2
    for group in "${groups[@]}"; do
        read -rd '' -a names <<<"${packages[$group]}"
        echo "  $group: ${names[*]}" >&2
    done
    return 3
}

case $distribution in
    bookworm | trixie | noble) install_with_apt ;;
    *) list_for_others ;;
esac
