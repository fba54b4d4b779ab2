#!/usr/bin/env bash
# Runs overrides preview with the inputs of the action, and sets its outputs.
#
#   PREVIEW_*      the inputs
#   GITHUB_OUTPUT  set by GitHub
set -euo pipefail

arguments=("$PREVIEW_SERVICE" "--image=$PREVIEW_IMAGE" "--name=$PREVIEW_NAME")
for flag in namespace container owner expires; do
  variable=PREVIEW_$(tr '[:lower:]' '[:upper:]' <<<"$flag")
  [[ -z ${!variable:-} ]] || arguments+=("--$flag=${!variable}")
done
[[ -z ${PREVIEW_MANIFESTS:-} ]] || arguments+=("--filename=$PREVIEW_MANIFESTS")
if [[ -n ${PREVIEW_HOME:-} ]]; then
  arguments+=("--preview-namespace=$PREVIEW_HOME")
  [[ -n ${PREVIEW_MANIFESTS:-} ]] || arguments+=(--all-namespaces)
fi
[[ ${PREVIEW_ISOLATED:-false} != true ]] || arguments+=(--isolated)

messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
code=0
overrides preview "${arguments[@]}" >"$PREVIEW_OUTPUT" 2>"$messages" || code=$?
cat "$messages" >&2
if [[ $code != 0 ]]; then
  rm -f "$PREVIEW_OUTPUT"
  exit "$code"
fi
# The header is the last line.
header=$(tail -n 1 "$messages")
{
  echo "header=${header#*: }"
  echo "manifests=$PREVIEW_OUTPUT"
} >>"$GITHUB_OUTPUT"
