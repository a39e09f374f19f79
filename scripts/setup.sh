#!/bin/sh
# Installs what is missing: system libraries (Debian, Ubuntu), .venv, the package. Usage: setup.sh [DEPENDENCY-GROUP]
set -eu
cd "$(dirname "$0")/.."
group=${1:-test}

# napari's window: OpenGL, the libraries of Qt's xcb plugin, and for machines without a screen a virtual one
libraries="libegl1 libgl1 libglx-mesa0 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0
libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libdbus-1-3 libfontconfig1"
virtual_screen="xvfb xauth"
# the demo's recording and real mouse events; everything else works without them
helpers="xdotool imagemagick"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

not_installed() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
    done
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if new_enough "$candidate"; then echo "$candidate"; return; fi
    done
}

can_make_venv() {
    "$1" -c 'import venv, ensurepip' >/dev/null 2>&1
}

venv_works() {
    [ -x .venv/bin/python ] && new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1
}

python=$(find_python)
[ -n "$python" ] || fail "Python 3.11 or newer is needed and was not found; install it, or name it: make PYTHON=/path/to/python3"

if command -v dpkg-query >/dev/null 2>&1; then
    needed=$(not_installed $libraries)
    [ -n "${DISPLAY:-}" ] || needed="$needed$(not_installed $virtual_screen)"
    venv_works || can_make_venv "$python" || needed="${needed}python3-venv "
    wished=$(not_installed $helpers)
    if [ -n "$needed$wished" ]; then
        if [ "$(id -u)" -eq 0 ]; then
            say "installing system packages: $needed$wished"
            export DEBIAN_FRONTEND=noninteractive
            apt-get update -qq
            apt-get install -y -qq --no-install-recommends $needed $wished >/dev/null
        elif [ -n "$needed" ]; then
            fail "system packages are missing; run this once, then again what you ran: sudo apt-get install -y $needed$wished"
        else
            say "for the demo's recording you may want: sudo apt-get install -y $wished"
        fi
    fi
elif [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}" ] && ! command -v xvfb-run >/dev/null 2>&1; then
    fail "there is no screen and no xvfb-run; install Xvfb with your system's package manager"
fi

if ! venv_works; then
    can_make_venv "$python" || python=/usr/bin/python3
    can_make_venv "$python" || fail "$python cannot make virtual environments; install its venv module"
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install --quiet"
say "installing Python packages into .venv (the first time this takes some minutes)"
$pip --upgrade 'pip>=25.1'
$pip -c constraints.txt torch
$pip -c constraints.txt -e '.[all]' --group "$group"
say "ready: $(.venv/bin/python -c 'import torch; print("torch", torch.__version__)')"
