#!/bin/sh
# Compares our environments with the original programs; `make fidelity` calls it. Not part of `make test`.
#
# The originals are installed into .venv-fidelity/, beside core and the environment plugins and away from everything else.
# The first time takes some minutes, because two of their dependencies are compiled (cmake and a C++ compiler are needed).
# Arguments: how many games are played side by side, and, optionally, a folder with recordings of the originals.
set -eu
games=$1
recordings=${2:+$(cd "$2" && pwd)}
cd "$(dirname "$0")/.."
. scripts/registries.sh

venv=.venv-fidelity
if [ "$(cat $venv/home 2>/dev/null)" != "$PWD" ]; then
    .venv/bin/uv venv --quiet --clear --python .venv/bin/python $venv
    echo "$PWD" > $venv/home
fi
echo "installing the original programs into $venv/; among them are"
echo "  fast-downward-textworld (GPL-3.0) and jericho (GPL-2.0 or later), on which TextWorld depends;"
echo "  nothing of rftcore imports or ships them, and they run in processes of their own"
set -- -e . -e "plugins/rftcore-alfworld[textworld]"
for name in babyai bm25 searchqa textcraft sciworld webshop; do set -- "$@" -e "plugins/rftcore-$name"; done
.venv/bin/uv pip install --quiet --python $venv/bin/python --index-strategy unsafe-best-match \
    --constraint constraints.txt "$@"
exec $venv/bin/python scripts/fidelity.py --games "$games" ${recordings:+"$recordings"}
