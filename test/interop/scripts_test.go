package interop

import (
	"fmt"
	"os/exec"
	"strconv"
	"sync"

	"github.com/sealsock/sealsock/iana"
)

// env is a scenario as the programs in testdata read it.
func (s *scenario) env(role string, port int, groups map[iana.NamedGroup]string) []string {
	env := []string{"CA=" + file("ca.pem"), "NAME=" + serverName, "PORT=" + strconv.Itoa(port)}
	add := func(name, value string) { env = append(env, name+"="+value) }
	key := s.clientKey
	if role == "server" {
		if key != "" {
			add("CLIENT_AUTH", "required")
		}
		key = s.serverKey()
	}
	if key != "" {
		add("CERT", file(key+".pem"))
		add("KEY", file(key+".key"))
		add("KEY_ALGORITHM", map[string]string{"rsa": "RSA", "pss": "RSASSA-PSS", "ed25519": "Ed25519"}[key])
		if env[len(env)-1] == "KEY_ALGORITHM=" {
			env[len(env)-1] += "EC"
		}
	}
	if s.group != 0 && (role == "server" || !s.retry) {
		add("GROUP", groups[s.group])
	}
	if s.suite != 0 {
		add("SUITE", s.suite.String())
	}
	if s.alpn != "" {
		add("ALPN", s.alpn)
	}
	if s.keyUpdate {
		add("KEY_UPDATE", "yes")
	}
	if s.v12 != nil {
		env = append(env, s.v12.env(s)...)
	}
	return env
}

func script(s *scenario, role string, port int, groups map[iana.NamedGroup]string, args ...string) command {
	return command{args: args, env: s.env(role, port, groups), announces: true}
}

var python = &program{
	name: "Python ssl",
	find: func() (string, error) {
		// Not the one in PATH, which may be the slow wrapper of a version
		// manager.
		path, err := output("python3", "-c", "import sys; print(sys.executable)")
		if err != nil {
			return "", err
		}
		pythonPath = path
		return output(path, "-c", `import ssl, sys; print("Python", sys.version.split()[0], "with", ssl.OPENSSL_VERSION)`)
	},
	client: func(s *scenario, port int) command {
		return script(s, "client", port, pythonGroups, pythonPath, "testdata/client.py")
	},
	server: func(s *scenario, port int) command {
		return script(s, "server", port, pythonGroups, pythonPath, "testdata/server.py")
	},
	without12: pythonWithout12,
	without: withoutPostQuantum(map[string]string{
		"AES-128-GCM":           "no setting for TLS 1.3 suites before Python 3.15",
		"AES-256-GCM":           "no setting for TLS 1.3 suites before Python 3.15",
		"ChaCha20-Poly1305":     "no setting for TLS 1.3 suites before Python 3.15",
		"AES-128-CCM":           "no setting for TLS 1.3 suites before Python 3.15",
		"FFDHE-2048":            "its setting for groups takes curves only",
		"no compatibility mode": "no setting for it",
		"key update":            "no call for it",
	}),
}

// pythonPath is set when python is found.
var pythonPath string

var pythonGroups = map[iana.NamedGroup]string{
	iana.X25519: "X25519", iana.SecP256r1: "prime256v1", iana.SecP384r1: "secp384r1", iana.SecP521r1: "secp521r1",
	iana.X448: "X448",
}

var node = &program{
	name: "Node tls",
	mute: true,
	find: func() (string, error) {
		return output("node", "-p", `"Node " + process.version + " with OpenSSL " + process.versions.openssl`)
	},
	client: func(s *scenario, port int) command {
		return script(s, "client", port, opensslGroups, "node", "testdata/client.js")
	},
	server: func(s *scenario, port int) command {
		return script(s, "server", port, opensslGroups, "node", "testdata/server.js")
	},
	without12: nodeWithout12,
	without: withoutPostQuantum(map[string]string{
		"no compatibility mode": "no setting for it",
		"key update":            "no call for it",
	}),
}

var java = &program{
	name: "Java SSLSocket",
	find: func() (string, error) {
		version, err := output("java", "-version")
		if err != nil {
			return "", err
		}
		return version, compileJava()
	},
	client:    func(s *scenario, port int) command { return javaCommand(s, "client", port) },
	server:    func(s *scenario, port int) command { return javaCommand(s, "server", port) },
	without12: javaWithout12,
	without: withoutPostQuantum(map[string]string{
		"no compatibility mode": "a system property of its client only",
		"AES-128-CCM":           "no AES-CCM in its TLS",
	}),
}

var javaGroups = map[iana.NamedGroup]string{
	iana.X25519: "x25519", iana.SecP256r1: "secp256r1", iana.SecP384r1: "secp384r1", iana.SecP521r1: "secp521r1",
	iana.X448: "x448", iana.FFDHE2048: "ffdhe2048",
}

// compileJava compiles once: starting from source takes a second each time.
var compileJava = sync.OnceValue(func() error {
	out, err := exec.Command("javac", "-d", work, "testdata/Echo.java", "testdata/Trial.java").CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac: %w: %s", err, out)
	}
	return nil
})

func javaCommand(s *scenario, role string, port int) command {
	args := []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", work}
	if s.group != 0 && (role == "server" || !s.retry) {
		args = append(args, "-Djdk.tls.namedGroups="+javaGroups[s.group])
	}
	if s.v12 != nil {
		args = append(args, javaProperties(s.v12)...)
	}
	c := script(s, role, port, javaGroups, append(args, "Echo", role)...)
	c.authority = true
	return c
}
