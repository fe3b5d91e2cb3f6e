#!/bin/sh
# Makes sure that the browser tests find their Chromium.
# usage: chromium.sh PATH
set -eu
[ -x "$1" ] && exit 0
if [ "$1" = /usr/bin/chromium ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium for the browser tests (once)"
  (apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends chromium) >/dev/null
  [ -x "$1" ] && exit 0
fi
echo "The browser tests need Chromium at $1: install it (Debian: sudo apt-get install chromium)," >&2
echo "name another with make test CHROMIUM=/path/to/it, or leave them out with make test ARGS='-m \"not browser\"'." >&2
exit 1
