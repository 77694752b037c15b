#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lane.sh [BUILDDIR [NAME…]]: runs the tests of lane.list (all, or the named guests) and reports a line per test.
# Ends with `N passed, N failed, N skipped`. Status 1 when one failed, 77 when nothing could run, else 0.
# DMASLAB_VM_LIST names another list.
set -uo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../.." && pwd)
list=$(realpath -- "${DMASLAB_VM_LIST:-$here/lane.list}")

build=''
if (($#)); then
    build=$(cd -- "$1" && pwd) || exit 2
    shift
fi
chosen=" $* "
passed=0 failed=0 skipped=0

report() { # KIND TEXT
    printf '%s %s\n' "$1" "$2"
    case $1 in
        PASS) passed=$((passed + 1)) ;;
        FAIL) failed=$((failed + 1)) ;;
        SKIP) skipped=$((skipped + 1)) ;;
    esac
}

# Runs its arguments as commands, and frames what each says: the reader below must know where one ends.
# shellcheck disable=SC2016 # expanded by the shell that runs it
frame='for command; do echo "::begin $command"; bash -c "$command"; echo "::end $?"; done'

framed_run() { # OPTIONS COMMAND…
    local words
    read -r -a words <<<"$1"
    shift
    if [[ ${words[0]:-} == host ]]; then
        BUILD=$build bash -c "$frame" lane "$@" 2>&1
    else
        "$here/run.sh" "${words[@]}" --env "BUILD=$build" bash -c "$frame" lane "$@" 2>&1
    fi
    echo "::status $?"
}

# A command without report lines of its own counts as one by its status; one with them must agree with its status.
end_of_command() { # NAME COMMAND STATUS LINES FAILURES LASTLINE
    if (($3 == 77 && $4 == 0)); then
        report SKIP "$1: ${6:-$2}"
    elif (($3 != 0 && $5 == 0)); then
        report FAIL "$1: $2: status $3"
    elif (($4 == 0)); then
        report PASS "$1: $2"
    fi
}

end_of_guest() { # NAME STATUS UNFINISHED LASTLINE OPTIONS
    if (($2 == 77)); then
        report SKIP "$1: $4"
    elif (($2 != 0)); then
        report FAIL "$1: the guest ended with status $2, $3 commands without an end"
    elif (($3 != 0)); then
        report FAIL "$1: $3 commands without an end"
    elif [[ ! $5 =~ ^\ *host ]]; then
        report PASS "$1: the guest ended with status 0"
    fi
}

# Counts what the commands of one guest report on stdin.
count() { # NAME COMMANDS OPTIONS
    local name=$1 left=$2 line command='' lines=0 failures=0 last=''
    while IFS= read -r line; do
        case $line in
            '::begin '*) command=${line#::begin } lines=0 failures=0 last='' ;;
            '::end '*)
                end_of_command "$name" "$command" "${line#::end }" "$lines" "$failures" "$last"
                left=$((left - 1)) ;;
            '::status '*) end_of_guest "$name" "${line#::status }" "$left" "$last" "$3" ;;
            'PASS '* | 'FAIL '* | 'SKIP '*)
                lines=$((lines + 1))
                [[ $line != FAIL* ]] || failures=$((failures + 1))
                report "${line%% *}" "${line#* }" ;;
            *)
                last=${line#skipped: }
                printf '  %s\n' "$line" ;;
        esac
    done
}

run_guest() { # NAME OPTIONS COMMAND…
    local name=$1 options=$2 run=() command
    shift 2
    [[ $chosen == "  " || $chosen == *" $name "* ]] || return 0
    for command; do
        if [[ -z $build && $command == *"\$BUILD"* ]]; then
            report SKIP "$name: $command: no build directory given"
        else
            run+=("$command")
        fi
    done
    ((${#run[@]} == 0)) || count "$name" ${#run[@]} "$options" < <(framed_run "$options" "${run[@]}")
}

cd -- "$root" || exit
name='' flags='' commands=()
while IFS= read -r line <&3 || [[ -n $line ]]; do
    case $line in
        '' | '#'*) ;;
        [[:space:]]*) commands+=("${line#"${line%%[![:space:]]*}"}") ;;
        *)
            [[ -z $name ]] || run_guest "$name" "$flags" "${commands[@]}"
            name=${line%%:*} flags=${line#*:} commands=() ;;
    esac
done 3<"$list"
[[ -z $name ]] || run_guest "$name" "$flags" "${commands[@]}"

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0)) || exit 1
((passed > 0)) || exit 77
