package interop

import (
	"strconv"
	"strings"
)

// curl uses HTTP/1.1: it sends its input in one request and receives it in the
// response.
var curl = &program{
	name: "curl",
	mute: true, // of a wrong name; of an unknown authority it tells
	find: func() (string, error) {
		version, err := output("curl", "--version")
		before, _, _ := strings.Cut(version, " zlib/")
		return before, err
	},
	client: func(s *scenario, port int) command {
		address := serverName + ":" + strconv.Itoa(port)
		args := []string{
			"curl", "--silent", "--show-error", "--fail", "--http1.1", "--tlsv1.3", "--cacert", file("ca.pem"),
			"--resolve", address + ":127.0.0.1", "--data-binary", "@-", "https://" + address + "/",
		}
		if s.group != 0 && !s.retry {
			args = append(args, "--curves", opensslGroups[s.group])
		}
		if s.suite != 0 {
			args = append(args, "--tls13-ciphers", s.suite.String())
		}
		if s.clientKey != "" {
			args = append(args, "--cert", file(s.clientKey+".pem"), "--key", file(s.clientKey+".key"))
		}
		return command{args: args, whole: true, http: true}
	},
	without: withoutPostQuantum(map[string]string{
		"no compatibility mode":          "no setting for it",
		"key update":                     "no option for it",
		"key update by sealsock":         "one response is one record",
		"key update of both by sealsock": "its one request is on its way before it is asked",
	}),
}
