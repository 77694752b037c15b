#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# gtest-lines.sh BINARY MUST_RUN [ONLY]: runs a GoogleTest binary and reports a line per test.
# MUST_RUN and ONLY are filters as --gtest_filter takes them. ONLY limits what runs. A test that MUST_RUN names and that
# skips itself is a failure, and so is a pattern of it that matches no test: a lane must not pass by doing nothing.
set -uo pipefail
binary=$1
must=$2
name=${binary##*/}

if [[ ! -x $binary ]]; then
    echo "FAIL $name: not built; build it or correct the path $binary"
    exit 1
fi

"$binary" --gtest_color=no --gtest_filter="${3:-*}" 2>&1 | awk -v program="$name" -v must="$must" '
    function regex(glob) {
        gsub(/[][.^$()|+{}\\]/, "\\\\&", glob)
        gsub(/\*/, ".*", glob)
        gsub(/\?/, ".", glob)
        return "^" glob "$"
    }
    function must_run(test,    i, found) {
        for (i = 1; i <= wanted; i++)
            if (test ~ regex(want[i])) found = met[i] = 1
        for (i = 1; i <= unwanted; i++)
            if (test ~ regex(unwant[i])) found = 0
        return found
    }
    function result(kind, why) {
        print kind " " program " " test (why == "" ? "" : ": " why)
        if (kind == "FAIL") printf "%s", said
        test = said = why = ""
        tests++
    }
    BEGIN {
        split(must, half, "-")
        wanted = split(half[1], want, ":")
        unwanted = split(half[2], unwant, ":")
    }
    /^\[ RUN      \] / {
        if (test != "") result("FAIL", "no result of it was seen")
        test = $4
        needed = must_run(test)
        reason = said = ""
        next
    }
    test == "" { next }
    # Not only at the beginning of a line: a test may have printed something without an end.
    /\[       OK \] .* \([0-9]+ ms\)$/ { result("PASS"); next }
    /\[  FAILED  \] .* \([0-9]+ ms\)$/ { result("FAIL"); next }
    /\[  SKIPPED \] .* \([0-9]+ ms\)$/ {
        if (reason == "") reason = "no reason given"
        said = ""
        if (needed) result("FAIL", "skipped where it must run: " reason)
        else result("SKIP", reason)
        next
    }
    { said = said "    " $0 "\n" }
    # GTEST_SKIP() says where, then why.
    /: Skipped$/ { reason = ""; next }
    !/^ *$/      { reason = reason (reason == "" ? "" : " ") $0 }
    END {
        if (test != "") result("FAIL", "the program ended in it")
        if (!tests) print "FAIL " program " ran no test"
        for (i = 1; i <= wanted; i++)
            if (want[i] != "" && !met[i]) print "FAIL " program " has no test like " want[i]
    }'
exit "${PIPESTATUS[0]}"
