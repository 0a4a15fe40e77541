#!/bin/sh
# Makes .venv/ with the core, every plugin in plugins/, and what the tests need. `make install` calls it when needed.
#
# Packages come from wherever pip would take them here.
# PYTHON=... chooses the interpreter (3.11 or later).
set -eu
cd "$(dirname "$0")/.."

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if new_enough "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    echo "found no Python 3.11 or later (tried: ${PYTHON:-python3 python3.13 python3.12 python3.11 python})." >&2
    echo "Install one, or name it: make install PYTHON=/path/to/python3.11" >&2
    exit 2
fi

# A virtual environment holds absolute paths: one that was moved, or lost its interpreter, is made again.
if ! new_enough .venv/bin/python || [ "$(cat .venv/home 2>/dev/null)" != "$PWD" ]; then
    echo "making .venv with $("$python" --version)"
    if ! "$python" -m venv --clear .venv; then
        echo "$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 2
    fi
    echo "$PWD" > .venv/home
fi
.venv/bin/python -m pip install -qq --disable-pip-version-check "uv>=0.9"

. scripts/registries.sh

set -- -e ".[train]"
for project in plugins/rftcore-*/pyproject.toml; do set -- "$@" -e "$(dirname "$project")"; done
.venv/bin/uv pip install --quiet --python .venv/bin/python --index-strategy unsafe-best-match \
    --constraint constraints.txt --group dev "$@"

# Compiles what most processes import, once and for all: uv compiles nothing, and torch and its company take 7 s of CPU.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c "
import peft, pytest, rftcore.cli.app, rftcore.study, rftcore.train.engine
from transformers import LlamaForCausalLM"
echo ".venv is ready: $(.venv/bin/rftcore --version), $(ls plugins/rftcore-*/pyproject.toml | wc -l | tr -d ' ') plugins"
