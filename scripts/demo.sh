#!/bin/sh
# Runs the quick study into runs/demo; `make demo` calls it. `demo.sh smoke` is the same study with a budget of seconds.
#
# Stopped and started again, it goes on where it was. A run of another configuration that is in the way is moved aside,
# not deleted.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-quick}

set -- examples/studies/quick.yaml name=demo
case $preset in
    quick) ;;
    smoke) while read -r override; do set -- "$@" "$override"; done < examples/studies/smoke.overrides ;;
    *) echo "there is no preset '$preset'; expected quick or smoke" >&2; exit 2 ;;
esac

if [ -f runs/demo/run.json ]; then
    there=$(.venv/bin/python -c 'import json; print(json.load(open("runs/demo/run.json"))["id"])')
    wanted=$(.venv/bin/python -c 'import sys, rftcore; print(rftcore.Study(sys.argv[1], sys.argv[2:]).id)' "$@")
    if [ "$there" != "$wanted" ]; then
        aside=runs/demo-$(echo "$there" | cut -c1-8)
        rm -rf "$aside"
        mv runs/demo "$aside"
        echo "runs/demo held another study; it is in $aside now"
    fi
fi
exec .venv/bin/rftcore study "$@"
