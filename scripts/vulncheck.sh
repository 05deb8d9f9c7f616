#!/bin/sh
# Runs govulncheck. A finding is a failure. If the vulnerability database cannot be reached, the script prints a
# message and succeeds, so that a build does not need a network.
out=$(timeout 120 go tool govulncheck ./... 2>&1); rc=$?
case $rc in
0) echo "govulncheck: no known vulnerability reached" ;;
*) case $out in
  *"no such host"*|*"dial tcp"*|*"connection refused"*|*"fetching"*|*"Temporary failure"*) echo "govulncheck: skipped, its database cannot be reached" ;;
  *) echo "$out"; exit 1 ;;
  esac ;;
esac
