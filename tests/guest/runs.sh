# SPDX-License-Identifier: GPL-2.0-or-later
# What tests that run a guest share outside of it; sourced with source_root set. Makes the folder $work, which goes at the end, and in it the share
# that the guest gets, with checks.sh. TAP on standard output.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
mkdir "$work/share"
cp "$source_root/tests/guest/checks.sh" "$work/share"

result() { # result STATUS NAME LOG: one TAP line
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        tail -30 "$3" | sed 's/^/# /'
    fi
}

take_over() { # The lines "ok NAME" and "not ok NAME" that a guest's run left become ours.
    local line
    while IFS= read -r line; do
        case $line in
        'ok '*) count=$((count + 1)); echo "ok $count - ${line#ok }" ;;
        'not ok '*) count=$((count + 1)); echo "not ok $count - ${line#not ok }" ;;
        *) echo "# $line" ;;
        esac
    done <"$work/share/output"
}
