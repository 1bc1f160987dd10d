# Sourced by tests/run and .ci/run: runs steps, and tells how long each took.

steps=()

# step NAME COMMAND...: runs it; if it fails, tells the times so far and ends with its exit code.
step() {
    local name=$1 start=$SECONDS status=0
    shift
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" || status=$?
    steps+=("$(minutes $((SECONDS - start)))  $name")
    if ((status != 0)); then
        print_steps
        printf '\n%s: FAILED at `%s` (exit code %d)\n' "$0" "$name" "$status" >&2
        exit "$status"
    fi
}

# minutes SECONDS: as minutes with one decimal.
minutes() {
    local tenths=$((($1 * 10 + 30) / 60))
    printf '%3d.%d min' $((tenths / 10)) $((tenths % 10))
}

print_steps() {
    printf '\n== %s took\n' "$0"
    printf '%s\n' "${steps[@]}" "$(minutes "$SECONDS")  in all"
}
