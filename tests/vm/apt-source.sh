#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# apt-source.sh SUITE CODENAME: prints a deb822 source for SUITE on the mirror, and with the keyring, that this machine
# already uses for CODENAME. The machine's own configuration is only read. Exit 1 when it names no such mirror.
set -euo pipefail

suite=$1
codename=$2

# One line per source: uri|suites|components|keyring.
deb822_sources() { # FILE…
    awk '
        function flush() {
            if (types ~ /(^| )deb( |$)/ && enabled !~ /^(no|false)/) {
                split(uris, list, " ")
                print list[1] "|" suites "|" components "|" keyring
            }
            types = uris = suites = components = keyring = enabled = field = ""
        }
        FNR == 1 || /^[ \t]*$/ { flush() }
        /^#/ || /^[ \t]*$/     { next }
        # A key written into the file itself goes over the lines below its field.
        /^[ \t]/               { if (field == "signed-by") keyring = keyring "\\n" $0; next }
        {
            field = tolower($1); sub(/:.*/, "", field)
            value = $0; sub(/^[^:]*:[ \t]*/, "", value)
            if (field == "types") types = value
            else if (field == "uris") uris = value
            else if (field == "suites") suites = value
            else if (field == "components") components = value
            else if (field == "signed-by") keyring = value
            else if (field == "enabled") enabled = tolower(value)
        }
        END { flush() }' "$@"
}

one_line_sources() { # FILE…
    awk '
        $1 == "deb" {
            keyring = ""; line = $0
            if (match(line, /\[[^]]*\]/)) {
                options = substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
                if (match(options, /signed-by=[^ \t]*/)) keyring = substr(options, RSTART + 10, RLENGTH - 10)
            }
            sub(/#.*/, "", line)
            n = split(line, word)
            components = ""
            for (i = 4; i <= n; i++) components = components " " word[i]
            print word[2] "|" word[3] "|" components "|" keyring
        }' "$@"
}

shopt -s nullglob
eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
deb822=("${parts:-/etc/apt/sources.list.d}"/*.sources)
one_line=("${parts:-/etc/apt/sources.list.d}"/*.list)
[[ ! -f ${list:-} ]] || one_line+=("$list")

source=$({
    ((${#deb822[@]} == 0)) || deb822_sources "${deb822[@]}"
    ((${#one_line[@]} == 0)) || one_line_sources "${one_line[@]}"
} | while IFS='|' read -r uri suites components keyring; do
    [[ " $suites " == *" $codename "* && " $components " == *" main "* ]] || continue
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite"
    [[ -z $keyring ]] || printf 'Signed-By: %b\n' "$keyring"
    echo
done)
[[ -n $source ]] || exit 1
# The first paragraph: apt refuses the same source twice with different keyrings.
printf '%s\n' "${source%%$'\n\n'*}"
