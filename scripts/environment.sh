# Sourced by scripts/quickstart and scripts/test: system packages, and the environment .venv with
# the pinned versions of scripts/requirements.lock. Everything it says goes to standard error.
# shellcheck shell=bash

# The true place, however this was reached: another name would make .venv anew.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }

fail() { # fail STATUS MESSAGE...
    local status=$1
    shift
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  hint: %s\n' "$*" >&2
    exit "$status"
}

# system_packages required|optional COMMAND:PACKAGE... : installs what is missing when this runs as
# root on Debian, otherwise says what to type. A COMMAND with a slash may be a file that is no
# program. A missing required package ends the script; in CI
# every package is required.
system_packages() {
    local kind=$1 pair missing=()
    shift
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || [[ ${pair%%:*} == */* && -e ${pair%%:*} ]] ||
            missing+=("${pair#*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing the system packages ${missing[*]}"
        if { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2; then
            return
        fi
    fi
    if [ "$kind" = required ] || [ "${CI:-}" = true ]; then
        fail 3 "system packages must be installed, not missing: ${missing[*]}" \
            "sudo apt install ${missing[*]}"
    fi
    say "without the system packages ${missing[*]} some tests are skipped"
    say "  hint: sudo apt install ${missing[*]}"
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail 3 "Python must be 3.11 or later, not missing" "sudo apt install python3 python3-venv"
}

# usable_path PATH : ends the script where the path has a character that the scripts of a Python
# environment cannot have in their first line, or that PATH cannot hold.
usable_path() {
    local odd='["$`\\:]'
    if [[ $1 =~ $odd ]] || [[ $1 == *$'\n'* ]]; then
        fail 2 "the path of this checkout must have no ${BASH_REMATCH[0]:-line break} in it, not be $1" \
            "move it to a folder with another name"
    fi
}

# Makes or renews .venv; does nothing when the lock file and pyproject.toml have not changed.
environment() {
    local venv=$root/.venv stamp=$root/.venv/installed wanted python
    usable_path "$root"
    PATH=${PATH//"$venv/bin:"/} # an active .venv must not be the Python that makes it anew
    wanted=$(cat "$root/scripts/requirements.lock" "$root/pyproject.toml" | cksum)" $root"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        python=$(find_python) || exit $?
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            system_packages required no-python3-venv:python3-venv
        fi
        say "installing $(grep -c == "$root/scripts/requirements.lock") pinned packages into .venv (about a minute)"
        "$python" -m venv --clear "$venv" ||
            fail 3 "the environment .venv could not be made with $python"
        if ! { "$venv/bin/python" -m pip install -q -r "$root/scripts/requirements.lock" &&
            "$venv/bin/python" -m pip install -q --no-deps --no-build-isolation -e "$root"; } \
            >"$venv/install.log" 2>&1; then
            grep -v ^WARNING "$venv/install.log" | tail -n 20 >&2
            fail 3 "pip must install scripts/requirements.lock, not fail; log: .venv/install.log" \
                "check the network, then run this again"
        fi
        printf '%s' "$wanted" >"$stamp"
    fi
    PATH=$venv/bin:$PATH
    export PATH VIRTUAL_ENV=$venv
    unset PYTHONHOME PYTHONPATH
}

# Adds the packages of scripts/requirements_torch.lock to the environment, which must stand. A hash
# of the file is kept in the environment, so a second call does nothing.
torch_packages() {
    local lock=$root/scripts/requirements_torch.lock stamp=$root/.venv/installed_torch wanted
    wanted=$(cksum <"$lock")
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    say "installing PyTorch and Triton into .venv (about a minute)"
    if ! python -m pip install -q -r "$lock" >"$root/.venv/install_torch.log" 2>&1; then
        grep -v ^WARNING "$root/.venv/install_torch.log" | tail -n 20 >&2
        fail 3 "pip must install scripts/requirements_torch.lock, not fail; log: .venv/install_torch.log" \
            "check the network, then run this again"
    fi
    printf '%s' "$wanted" >"$stamp"
}
