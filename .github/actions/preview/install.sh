#!/usr/bin/env bash
# Downloads a release of Overrides, compares it with the checksums of the release, and puts
# the program into the PATH of later steps.
#
#   OVERRIDES_VERSION    the release, such as v0.1.0
#   OVERRIDES_DOWNLOADS  where releases are, for tests
#   RUNNER_TEMP, GITHUB_PATH  set by GitHub
set -euo pipefail

fail() {
  echo "::error::$*" >&2
  exit 1
}

version=${OVERRIDES_VERSION#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "version: want a release such as v0.1.0, not '$OVERRIDES_VERSION'"
case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "there is no release for $(uname -s) that this action can install" ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no release for $(uname -m)" ;;
esac

archive=overrides_${version}_${os}_${arch}.tar.gz
from=${OVERRIDES_DOWNLOADS:-https://github.com/overrides-mesh/overrides/releases/download}/v$version
folder=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/overrides.XXXXXX")
for file in checksums.txt "$archive"; do
  curl --fail --silent --show-error --location --retry 3 --output "$folder/$file" "$from/$file" || fail "download $from/$file"
done

want=$(awk -v name="$archive" '$2 == name { print $1 }' "$folder/checksums.txt")
[[ $want =~ ^[0-9a-f]{64}$ ]] || fail "checksums.txt of v$version does not have one checksum of $archive"
if command -v sha256sum >/dev/null; then
  got=$(sha256sum <"$folder/$archive")
else
  got=$(shasum -a 256 <"$folder/$archive")
fi
[[ ${got%% *} == "$want" ]] || fail "$archive has the checksum ${got%% *}, and checksums.txt says $want"

mkdir "$folder/bin"
tar -xzf "$folder/$archive" -C "$folder/bin" overrides
echo "$folder/bin" >>"$GITHUB_PATH"
"$folder/bin/overrides" version
