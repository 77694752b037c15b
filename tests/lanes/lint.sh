#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: format, shellcheck, licence lines, layer rule, file lengths, clang-tidy
# needs: build test lint
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
reference=14       # formats and findings differ between versions of clang; Debian 12 has this one
tidy_seconds=300   # what clang-tidy may take in all; files it does not reach are reported
[ -z "${DMASLAB_SOAK:-}" ] || tidy_seconds=7200

for what in spdx layers length paths hosts; do
    check "lint.py $what" "$python" tests/tools/lint.py $what
done
check "lint.py can fail" "$python" tests/tools/lint.py self-test

read -rd '' -a scripts <<<"$(grep -lE '^#!/(bin/(ba)?sh|usr/bin/env (ba)?sh)' -r tests pipelines .ci docs 2>/dev/null)"
check shellcheck shellcheck -x "${scripts[@]}"

# One line per file instead of one per place.
clang_format()
{
    local output
    output=$(clang-format --dry-run -Werror "$@" 2>&1) && return
    sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error.*/\1/p' <<<"$output" | sort | uniq -c |
        awk '{ print $2 ": " $1 " places; run clang-format -i " $2 }'
    return 1
}

major()
{
    "$1" --version | sed -n 's/.*version \([0-9]*\).*/\1/p;q' | head -n 1
}

read -rd '' -a code <<<"$("$python" tests/tools/lint.py files . .h .hpp .c .cpp)"
if [ "$(major clang-format)" = $reference ]; then
    check clang-format clang_format "${code[@]}"
else
    skip "clang-format $(major clang-format) is not the reference version $reference"
fi

if [ "$(clang-tidy --version | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p')" != $reference ]; then
    skip "clang-tidy is not the reference version $reference"
    exit 0
fi
# Nothing is compiled here: clang-tidy wants the commands, and the sources that the build generates.
CC=clang CXX=clang++ configure tidy -Dbench=disabled -Ddoxygen=disabled
"$python" tests/tools/tidy.py build/tidy "$jobs" "$tidy_seconds" ${DMASLAB_QUICK:+--changed} >build/tidy/tidy.log 2>&1
case $? in
    0) pass ;;
    75) skip "$(tail -n 1 build/tidy/tidy.log)" ;;
    *) fail clang-tidy <build/tidy/tidy.log ;;
esac
cat build/tidy/tidy.log
