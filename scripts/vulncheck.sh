#!/bin/sh
# Runs govulncheck. Its database is on the network: where that cannot be reached the step says so and passes,
# because a build must not fail for want of a network; a finding fails.
out=$(timeout 120 go tool govulncheck ./... 2>&1); rc=$?
case $rc in
0) echo "govulncheck: no known vulnerability reached" ;;
*) case $out in
  *"no such host"*|*"dial tcp"*|*"connection refused"*|*"fetching"*|*"Temporary failure"*) echo "govulncheck: left out, its database cannot be reached from here" ;;
  *) echo "$out"; exit 1 ;;
  esac ;;
esac
