#!/bin/sh
# Compares go.mod and go.sum of each module with what go mod tidy makes of them. A difference is a failure, and go mod
# tidy in the folder of the module mends it. A module whose dependencies cannot be fetched is left out with a message,
# so that a build does not need a network.
failed=0
for mod in $(git ls-files 'go.mod' '*/go.mod'); do
  dir=$(dirname "$mod")
  if out=$(cd "$dir" && "${GO:-go}" mod tidy -diff 2>&1); then
    continue
  fi
  case $out in
  *"diff current/go."*) echo "go mod tidy is needed in $dir:"; echo "$out" | grep -v "^go: downloading "; failed=1 ;;
  *"no such host"*|*"dial tcp"*|*"connection refused"*|*"Temporary failure"*|*"module lookup disabled"*)
    echo "go mod tidy: $dir is not compared, its dependencies cannot be fetched" ;;
  *) echo "go mod tidy in $dir: $out"; failed=1 ;;
  esac
done
exit $failed
