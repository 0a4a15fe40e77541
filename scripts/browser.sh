#!/bin/sh
# Makes sure that there is a browser for the tests that open reports; `make test` calls it.
#
# Installs Debian's Chromium where it can. Without a browser those tests fail: they are never skipped.
set -eu

for name in ${RFTCORE_BROWSER:-chromium chromium-browser google-chrome chrome}; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ -n "${RFTCORE_BROWSER:-}" ]; then
    echo "RFTCORE_BROWSER is $RFTCORE_BROWSER, which cannot be run; expected the path of a Chromium or Chrome" >&2
    exit 2
fi
as_root=""
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    echo "installing Chromium for the tests of the report"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
    echo "the tests open reports in a real browser, and found none. Install Chromium or Chrome" >&2
    echo "(Debian and Ubuntu: apt-get install chromium), or set RFTCORE_BROWSER to the path of one" >&2
    exit 2
fi
