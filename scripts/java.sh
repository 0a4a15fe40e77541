#!/bin/sh
# Makes sure that there is a Java runtime for the tests of ScienceWorld; `make test` calls it.
#
# Installs Debian's where it can. Without Java those tests fail: they are never skipped.
set -eu

if [ -x "${JAVA_HOME:-/nowhere}/bin/java" ] || command -v java >/dev/null 2>&1; then exit 0; fi
as_root=""
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
    echo "installing a Java runtime for the tests of ScienceWorld"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null
else
    echo "the tests play ScienceWorld, which needs Java, and found none. Install a Java runtime, version 11 or later" >&2
    echo "(Debian and Ubuntu: apt-get install default-jre-headless), or set JAVA_HOME" >&2
    exit 2
fi
