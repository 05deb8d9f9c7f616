package main

import (
	"errors"
	"strings"
)

// packageNames are those of our packages whose errors begin with their name. It helps a programmer;
// to the user of the command it is noise, or looks like a verb of it. TestPackageNames compares the
// list with the source.
var packageNames = []string{
	"adapt", "authority", "ccm", "cpace", "ech", "fleet", "gcm", "httptransport", "identity", "loop",
	"measure", "message", "natsbus", "natsdial", "natsfleet", "p256", "relay", "sealsock",
	"starttls", "talk", "tls", "transfer", "trust", "tunnel",
}

// reason is the text of an error without the names of packages.
func reason(err error) string { return withoutPackages(err.Error(), err) }

// withoutPackages removes from text the names of packages with which err and the errors within
// begin. Another word of the text, such as a name of a file, stays.
func withoutPackages(text string, err error) string {
	found := map[string]bool{}
	findPackages(err, found, 0)
	for _, name := range packageNames {
		if !found[name] {
			continue
		}
		text = strings.TrimPrefix(text, name+": ")
		text = strings.ReplaceAll(text, ": "+name+": ", ": ")
		text = strings.ReplaceAll(text, "\n"+name+": ", "\n") // of errors.Join
	}
	return text
}

// maxWithin bounds how deep errors are within each other.
const maxWithin = 50

func findPackages(err error, found map[string]bool, depth int) {
	if err == nil || depth > maxWithin {
		return
	}
	text := err.Error()
	for _, name := range packageNames {
		if strings.HasPrefix(text, name+": ") {
			found[name] = true
		}
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, inner := range all.Unwrap() {
			findPackages(inner, found, depth+1)
		}
		return
	}
	findPackages(errors.Unwrap(err), found, depth+1)
}
