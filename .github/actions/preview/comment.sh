#!/usr/bin/env bash
# Writes the comment about a preview: one for each service of a pull request, which later runs
# update. A hidden marker at its beginning finds it.
#
#   PREVIEW_*                        what to say
#   PULL_REQUEST, COMMENTER          where, and as whom
#   GH_TOKEN, GITHUB_REPOSITORY      for gh
set -euo pipefail

# plain TEXT prints a text without what would end the code or the cell of a table that it is in.
plain() {
  tr -d "\`|<>'\r" <<<"$1" | tr '\n' ' ' | sed 's/ *$//' | cut -c 1-200
}

service=$(plain "$PREVIEW_SERVICE")
marker="<!-- overrides preview: $service -->"
header="x-override: $(plain "$PREVIEW_HEADER")"
expires=$(sed -n 's/^ *overrides\.mesh\/expires: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$PREVIEW_OUTPUT")
expires=${expires%%$'\n'*}
# Only characters of URLs, without quotes: it stands in a command.
url=$(plain "${PREVIEW_URL:-}" | tr -cd "A-Za-z0-9:/?#@!&*+,;=%._~-")

body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
  echo "$marker"
  echo "**Preview \`$(plain "$PREVIEW_NAME")\` of \`$service\`**: send this header to reach it."
  echo
  echo "| | |"
  echo "|---|---|"
  echo "| header | \`$header\` |"
  echo "| image | \`$(plain "$PREVIEW_IMAGE")\` |"
  [[ -z ${PREVIEW_OWNER:-} ]] || echo "| owner | \`$(plain "$PREVIEW_OWNER")\` |"
  [[ -z $expires ]] || echo "| expires | \`$(plain "$expires")\` |"
  [[ -z $url ]] || echo "| address | <$url> |"
  echo
  echo '```sh'
  echo "curl -H '$header' '${url:-http://$service/}'"
  echo '```'
} >"$body"

comments=repos/$GITHUB_REPOSITORY/issues/$PULL_REQUEST/comments
export MARKER=$marker COMMENTER
ids=$(gh api --paginate "$comments?per_page=100" \
  --jq '.[] | select(.user.login == env.COMMENTER and (.body | startswith(env.MARKER))) | .id') || {
  echo "::warning::the comments of the pull request can't be read: no comment is written" >&2
  exit 0
}
if [[ -n $ids ]]; then
  write=(--method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/${ids%%$'\n'*}")
else
  write=(--method POST "$comments")
fi
# A token of a fork's pull request may not write. The preview is there all the same.
gh api "${write[@]}" --field "body=@$body" --silent || echo "::warning::the comment can't be written" >&2
