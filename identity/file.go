package identity

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf16"

	"github.com/sealsock/sealsock/internal/certtext"
)

// maxFile bounds a file: the longest chains and PKCS#12 files have some
// 100 KiB.
const maxFile = 4 << 20

// readFile reads a file, or a pipe as the shell's <(…) makes it.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &Error{Code: CodeDirectory, File: path, Hint: "name a file inside it"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, &Error{Code: CodeUnreadable, File: path, Err: err, Hint: "check the disk and the file"}
	case len(data) > maxFile:
		return nil, &Error{Code: CodeTooLarge, File: path, Hint: "check the name: a certificate or key has a few kilobytes"}
	}
	return data, nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Code: CodeNotFound, File: path, Hint: "check the name and the folder"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Code: CodePermission, File: path,
			Hint: "run as its owner, or give this user the right to read it (a key should stay private: mode 0600 or 0640)"}
	case errors.Is(err, syscall.ENOTDIR):
		return &Error{Code: CodeNotFound, File: path, Hint: "a part of the path is a file, not a folder"}
	}
	return &Error{Code: CodeUnreadable, File: path, Err: err, Hint: "check the name and the disk"}
}

// plainText undoes what editors and shells on Windows add: a byte order mark,
// or UTF-16.
func plainText(data []byte) []byte {
	if rest, ok := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); ok {
		return rest
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data
	}
	units := make([]uint16, 0, len(data)/2)
	for rest := data[2:]; len(rest) >= 2; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return []byte(string(utf16.Decode(units)))
}

var pemBegin = []byte("-----BEGIN ")

// blocks decodes every PEM block of a file, and fails on the first that cannot
// be decoded, which encoding/pem would pass over.
func blocks(data []byte, file string) ([]*pem.Block, error) {
	var all []*pem.Block
	for start := bytes.Index(data, pemBegin); start >= 0; {
		segment := data[start:]
		next := bytes.Index(segment[len(pemBegin):], pemBegin)
		if next >= 0 {
			segment = segment[:len(pemBegin)+next]
		}
		block, _ := pem.Decode(segment)
		if block == nil {
			return nil, brokenPEM(data, start, segment, file)
		}
		all = append(all, block)
		if next < 0 {
			break
		}
		start += len(pemBegin) + next
	}
	return all, nil
}

func brokenPEM(data []byte, start int, segment []byte, file string) error {
	line := 1 + bytes.Count(data[:start], []byte("\n"))
	label, _, _ := strings.Cut(string(segment[len(pemBegin):min(len(segment), 80)]), "-----")
	what := fmt.Sprintf("the block %s that begins on line %d", certtext.Quote(strings.TrimSpace(label)), line)
	if !bytes.Contains(segment, []byte("-----END ")) {
		return &Error{Code: CodeBrokenPEM, File: file, Detail: what + " has no end",
			Hint: "the file is truncated: copy it again, including the line that begins with -----END"}
	}
	return &Error{Code: CodeBrokenPEM, File: file, Detail: what + " is not Base64 between its first and last line",
		Hint: "copy the file again, without changing spaces or line breaks"}
}

// foreign recognises other programs' files by their first bytes.
func foreign(data []byte, file string) error {
	text := strings.ToLower(string(bytes.TrimSpace(data[:min(len(data), 256)])))
	for _, f := range []struct{ prefix, detail, hint string }{
		{"putty-user-key-file", "a PuTTY key", "open it in puttygen and export it as an OpenSSH key, then: ssh-keygen -p -m PEM -f KEY"},
		{"\xfe\xed\xfe\xed", "a Java key store", "convert it: keytool -importkeystore -srckeystore FILE -destkeystore out.p12 -deststoretype PKCS12"},
		{"ssh-", "an OpenSSH public key", "give the private key, in PEM"},
		{"ecdsa-sha2-", "an OpenSSH public key", "give the private key, in PEM"},
		{"<!doctype", "a web page", "download the file again: the file is a web page"},
		{"<html", "a web page", "download the file again: the file is a web page"},
	} {
		if strings.HasPrefix(text, f.prefix) || strings.HasPrefix(string(data), f.prefix) {
			return &Error{Code: CodeForeignFormat, File: file, Detail: f.detail, Hint: f.hint}
		}
	}
	return nil
}
