package interop

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sealsock/sealsock/internal/peers"
)

// Small programs of our own drive libraries without programs, or with programs
// that lack the necessary options.

// mbedtls is Debian's mbedTLS.
var mbedtls = &program{
	name: "mbedTLS",
	find: func() (string, error) { return ownProgram("mbedtls", compileMbedTLS) },
	client: func(s *scenario, port int) command {
		return script(s, "client", port, opensslGroups, file("mbedtls"), "client")
	},
	server: func(s *scenario, port int) command {
		return script(s, "server", port, opensslGroups, file("mbedtls"), "server")
	},
	without12: mbedtlsWithout12,
}

var compileMbedTLS = sync.OnceValue(func() error {
	return compile("gcc", "-O1", "-o", file("mbedtls"), "testdata/mbedtls.c", "-lmbedtls", "-lmbedx509", "-lmbedcrypto")
})

// botan is used for the suites that no other program has, and for DTLS.
var botan = &program{
	name: "Botan",
	find: func() (string, error) { return ownProgram("botan", compileBotan) },
	client: func(s *scenario, port int) command {
		return script(s, "client", port, opensslGroups, file("botan"), "client")
	},
	server: func(s *scenario, port int) command {
		return script(s, "server", port, opensslGroups, file("botan"), "server")
	},
	without12: botanWithout12(),
}

var compileBotan = sync.OnceValue(func() error {
	return compile("g++", "-O0", "-I/usr/include/botan-2", "-o", file("botan"), "testdata/botan.cpp", "-lbotan-2")
})

// wolfssl is used for DTLS.
var wolfssl = &program{
	name: "wolfSSL",
	find: func() (string, error) { return ownProgram("wolfssl", compileWolfSSL) },
}

var compileWolfSSL = sync.OnceValue(func() error {
	return compile("gcc", "-O1", "-o", file("wolfssl"), "testdata/wolfssl.c", "-lwolfssl")
})

// wolfsslNewer is the wolfSSL that scripts/peers.sh unpacked from a newer Debian, which has DTLS
// 1.3. Our program runs with the C library of that Debian.
var wolfsslNewer = &program{
	name: "wolfSSL of Debian sid",
	find: func() (string, error) { return ownProgram("wolfssl13", compileWolfSSLNewer) },
}

var compileWolfSSLNewer = sync.OnceValue(func() error {
	return compileAgainst(peers.Folder("sid"), "gcc", "-O1", "-o", file("wolfssl13"),
		"testdata/wolfssl.c", "-lwolfssl")
})

// compileAgainst compiles with the headers and libraries of an unpacked Debian.
func compileAgainst(root, compiler string, args ...string) error {
	loaders, _ := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-*/ld-linux*.so.*"))
	if len(loaders) == 0 {
		return fmt.Errorf("nothing is unpacked in %s", root)
	}
	libraries := filepath.Dir(loaders[0])
	return compile(compiler, append(args, "-I"+filepath.Join(root, "usr/include"), "-L"+libraries,
		"-Wl,--allow-shlib-undefined,--disable-new-dtags,-rpath,"+libraries,
		"-Wl,--dynamic-linker,"+loaders[0])...)
}

// botanWithout12 excludes all scenarios except pre-shared keys with ECDHE,
// which is all that its program supports.
func botanWithout12() map[string]string {
	without := map[string]string{}
	for _, s := range scenarios12 {
		if !strings.HasPrefix(s.name, "ECDHE-PSK") && s.v12.hint == "" {
			without[s.name] = noRole
		}
	}
	return without
}

// compile compiles with the system's compiler against its libraries.
func compile(compiler string, args ...string) error {
	out, err := exec.Command(compiler, append([]string{"-Wall"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", compiler, err, out)
	}
	return nil
}

// ownProgram compiles one of our programs and asks it for the library's version.
func ownProgram(name string, compile func() error) (string, error) {
	if err := compile(); err != nil {
		return "", err
	}
	return output(file(name), "version")
}
