#!/bin/sh
# Runs the tests of bridges against the real libraries that they play; `make test-bridges` calls it.
#
# The libraries are installed into .venv-bridges/, beside core and the bridges: they bring much that nothing else here needs.
# Arguments: what its Python runs instead of the tests.
set -eu
cd "$(dirname "$0")/.."
. scripts/registries.sh

venv=.venv-bridges
played="reasoning-gym==0.1.25 verifiers==0.3.1 staros-stardata==0.1.1 sophistry-bench-sprint==0.1.6"
wanted="$PWD $(cat scripts/bridges.sh | cksum)"
if [ "$(cat $venv/home 2>/dev/null)" != "$wanted" ]; then
    echo "installing the bridges and what they play into $venv/"
    .venv/bin/uv venv --quiet --clear --python .venv/bin/python $venv
    .venv/bin/uv pip install --quiet --python $venv/bin/python --index-strategy unsafe-best-match \
        --constraint constraints.txt -e . -e plugins/rftcore-reasoning-gym -e plugins/rftcore-verifiers $played gymnasium pytest
    echo "$wanted" > $venv/home
fi
if [ $# -gt 0 ]; then exec $venv/bin/python "$@"; fi
# A folder takes in the files within that are named beside it, by the names that it looks for: so these are told.
for bridge in reasoning-gym verifiers; do
    $venv/bin/python -m pytest -o "python_files=test_*.py real_*.py" plugins/rftcore-$bridge/tests
done
