# Hands pip's settings on to uv, which does not read them itself: packages come from wherever pip would take them here.
# Read by the scripts that install, with .venv/ there already.

pip_setting() { .venv/bin/python -m pip config get "global.$1" 2>/dev/null || true; }
hand_on() { [ -z "$2" ] || export "$1=$2"; }

hand_on UV_FIND_LINKS "${UV_FIND_LINKS:-$(echo ${PIP_FIND_LINKS:-$(pip_setting find-links)} | tr ' ' ',')}"
hand_on UV_DEFAULT_INDEX "${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(pip_setting index-url)}}"
hand_on UV_INDEX "${UV_INDEX:-$(echo ${PIP_EXTRA_INDEX_URL:-$(pip_setting extra-index-url)})}"
hand_on SSL_CERT_FILE "${SSL_CERT_FILE:-${PIP_CERT:-$(pip_setting cert)}}"
