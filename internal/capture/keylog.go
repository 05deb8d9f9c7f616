package capture

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A KeyLog has the secrets of connections by the random value of their ClientHello, as
// programs write them with the variable SSLKEYLOGFILE. RFC 9850.
type KeyLog struct {
	secrets map[[32]byte]map[string][]byte
}

// maxSecrets bounds the secrets of a key log.
const maxSecrets = 1_000_000

// labels of the key log that decryption needs.
const (
	labelMaster          = "CLIENT_RANDOM"
	labelEarly           = "CLIENT_EARLY_TRAFFIC_SECRET"
	labelClientHandshake = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	labelServerHandshake = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	labelClientTraffic   = "CLIENT_TRAFFIC_SECRET_0"
	labelServerTraffic   = "SERVER_TRAFFIC_SECRET_0"
)

// ParseKeyLog parses a key log. Lines with other labels, and comments, are passed over. No
// error shows the content of a line.
func ParseKeyLog(text []byte) (*KeyLog, error) {
	log := &KeyLog{secrets: map[[32]byte]map[string][]byte{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	n := 0
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if !strings.HasPrefix(line, "CLIENT_") && !strings.HasPrefix(line, "SERVER_") {
			continue
		}
		if err := log.add(strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if n++; n > maxSecrets {
			return nil, fmt.Errorf("over %d secrets", maxSecrets)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("a line is too long")
	}
	if n == 0 {
		return nil, errors.New("no line is a secret: programs write them with SSLKEYLOGFILE=FILE")
	}
	return log, nil
}

// add adds the secret of a line.
func (log *KeyLog) add(fields []string) error {
	if len(fields) != 3 {
		return errors.New("not LABEL RANDOM SECRET")
	}
	random, err := hex.DecodeString(fields[1])
	if err != nil || len(random) != 32 {
		return errors.New("the random value is not 64 hexadecimal digits")
	}
	secret, err := hex.DecodeString(fields[2])
	if err != nil || len(secret) < 32 || len(secret) > 64 {
		return errors.New("the secret is not 64 to 128 hexadecimal digits")
	}
	key := [32]byte(random)
	if log.secrets[key] == nil {
		log.secrets[key] = map[string][]byte{}
	}
	log.secrets[key][fields[0]] = secret
	return nil
}

// Format prints [redacted] for every verb.
func (*KeyLog) Format(s fmt.State, _ rune) { io.WriteString(s, "[redacted]") }
