package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

func alertOf(t testing.TB, err error) iana.Alert {
	t.Helper()
	var parseError *wire.ParseError
	if !errors.As(err, &parseError) {
		t.Fatalf("%v is no ParseError", err)
	}
	return parseError.Alert
}

const (
	decodeError      = iana.AlertDecodeError
	illegalParameter = iana.AlertIllegalParameter
)

// rejects has, for each message, bodies that must be refused: with which
// alert and which words. In the extensions of hellos only the block's content
// is given. It is long because there are many rules.
var rejects = []struct {
	form  string
	body  string
	alert iana.Alert
	want  string
}{
	// Extensions of ClientHello.
	{"CH", "0017 0000 0017 0000", decodeError, "client_hello: extensions: a duplicate type"},
	{"CH", "1a1a 0000 0017 0000 1a1a 0000", decodeError, "client_hello: extensions: a duplicate type"},
	{"CH", "0017 0001 00", decodeError, "client_hello: extended_master_secret: 1 byte left over"},
	{"CH", "0017 00", decodeError, "client_hello: extensions: truncated"},
	{"CH", "0000 0002 0000", decodeError, "client_hello: server_name: empty"},
	{"CH", "0000 0005 0003 00 0000", decodeError, "client_hello: server_name: host_name: empty"},
	{"CH", "0000 0006 0004 01 0002 61", decodeError, "client_hello: server_name: name: truncated"},
	{"CH", "0000 000a 0008 00 0001 61 00 0001 62", decodeError, "client_hello: server_name: two names of name_type 0"},
	{"CH", "0000 000a 0008 01 0001 61 01 0001 61", decodeError, "client_hello: server_name: two names of name_type 1"},
	{"CH", "0000 0008 0006 00 0003 610062", decodeError, "client_hello: server_name: host_name: contains a zero byte"},
	{"CH", "0000 0007 0005 00 0002 612e", decodeError, "client_hello: server_name: host_name: ends with a dot"},
	{"CH", "0000 0105 0103 00 0100" + strings.Repeat("61", 256), decodeError, "client_hello: server_name: host_name: 256 bytes, at most 255 allowed"},
	{"CH", "0000 0007 0004 00 0001 61 00", decodeError, "client_hello: server_name: 1 byte left over"},
	{"CH", "0010 0002 0000", decodeError, "client_hello: application_layer_protocol_negotiation: empty"},
	{"CH", "0010 0004 0002 00 00", decodeError, "client_hello: application_layer_protocol_negotiation: protocol name: empty"},
	{"CH", "0010 0004 0002 02 61", decodeError, "client_hello: application_layer_protocol_negotiation: protocol name: truncated"},
	{"CH", "000a 0002 0000", decodeError, "client_hello: supported_groups: empty"},
	{"CH", "000a 0005 0003 001d 00", decodeError, "client_hello: supported_groups: 3 bytes is not a list of two-byte values"},
	{"CH", "000b 0001 00", decodeError, "client_hello: ec_point_formats: empty"},
	{"CH", "000d 0002 0000", decodeError, "client_hello: signature_algorithms: empty"},
	{"CH", "002b 0001 00", decodeError, "client_hello: supported_versions: empty"},
	{"CH", "002b 0002 01 03", decodeError, "client_hello: supported_versions: 1 byte, at least 2 needed"},
	{"CH", "002b 0004 03 030303", decodeError, "client_hello: supported_versions: 3 bytes is not a list of two-byte values"},
	{"CH", "002c 0002 0000", decodeError, "client_hello: cookie: empty"},
	{"CH", "002d 0001 00", decodeError, "client_hello: psk_key_exchange_modes: empty"},
	{"CH", "002f 0004 0002 3000", decodeError, "client_hello: certificate_authorities: 2 bytes, at least 3 needed"},
	{"CH", "002f 0005 0003 0000 00", decodeError, "client_hello: certificate_authorities: empty"},
	{"CH", "0033 0006 0004 001d 0000", decodeError, "client_hello: key_share: key_exchange: empty"},
	{"CH", "0033 0005 0003 001d 00", decodeError, "client_hello: key_share: key_exchange: truncated"},
	{"CH", "0033 0003 0000 00", decodeError, "client_hello: key_share: 1 byte left over"},
	{"CH", "0033 000c 000a 001d 0001 01 001d 0001 02", illegalParameter, "client_hello: key_share: two shares for one group"},
	{"CH", "001c 0002 003f", illegalParameter, "client_hello: record_size_limit: 63 bytes, at least 64 required"},
	{"CH", "001c 0001 40", decodeError, "client_hello: record_size_limit: truncated"},
	{"CH", "0001 0001 00", illegalParameter, "client_hello: max_fragment_length: value 0, 1 to 4 allowed"},
	{"CH", "0001 0001 05", illegalParameter, "client_hello: max_fragment_length: value 5, 1 to 4 allowed"},
	{"CH", "0005 0001 01", decodeError, "client_hello: status_request: responder_id_list: truncated"},
	{"CH", "0005 0007 01 0002 0000 0000", decodeError, "client_hello: status_request: responder_id_list: empty"},
	{"CH", "0005 0006 01 0000 0000 00", decodeError, "client_hello: status_request: 1 byte left over"},
	{"CH", "0005 0000", decodeError, "client_hello: status_request: status_type: truncated"},
	{"CH", "0013 0001 00", decodeError, "client_hello: client_certificate_type: empty"},
	{"CH", "0013 0002 01 00", illegalParameter, "client_hello: client_certificate_type: X.509 alone, which needs no extension"},
	{"CH", "0014 0002 01 00", illegalParameter, "client_hello: server_certificate_type: X.509 alone, which needs no extension"},
	{"CH", "001b 0005 04 0001 0001", illegalParameter, "client_hello: compress_certificate: a duplicate algorithm"},
	{"CH", "001b 0002 01 01", decodeError, "client_hello: compress_certificate: 1 byte, at least 2 needed"},
	{"CH", "003a 0001 01", decodeError, "client_hello: ticket_request: resumption_count: truncated"},
	{"CH", "ff01 0000", decodeError, "client_hello: renegotiation_info: truncated"},
	{"CH", "fe0d 0000", decodeError, "client_hello: encrypted_client_hello: type: truncated"},
	{"CH", "fe0d 0001 02", illegalParameter, "client_hello: encrypted_client_hello: type: value 2, 0 or 1 allowed"},
	{"CH", "fe0d 0002 01 00", decodeError, "client_hello: encrypted_client_hello: 1 byte left over"},
	{"CH", "fe0d 000a 00 0001 0001 00 0000 0000", decodeError, "client_hello: encrypted_client_hello: payload: empty"},
	{"CH", "fd00 0001 00", decodeError, "client_hello: ech_outer_extensions: empty"},
	{"CH", "0029 0002 0000", decodeError, "client_hello: pre_shared_key: identities: empty"},
	{"CH", "0029 002b 0006 0000 00000000 0021 20" + strings.Repeat("bb", 32), decodeError, "client_hello: pre_shared_key: identities: 6 bytes, at least 7 needed"},
	{"CH", "0029 002b 0007 0001 61 00000000 0020 1f" + strings.Repeat("bb", 31), decodeError, "client_hello: pre_shared_key: binders: 32 bytes, at least 33 needed"},
	{"CH", "0029 002c 0007 0001 61 00000000 0021 1f" + strings.Repeat("bb", 31) + "00", decodeError, "client_hello: pre_shared_key: binder: 31 bytes, at least 32 needed"},
	{"CH", "0029 0033 000e 0001 61 00000000 0001 62 00000000 0021 20" + strings.Repeat("bb", 32), illegalParameter, "client_hello: pre_shared_key: identities and binders differ in number: 2 and 1"},
	{"CH", "0029 002c 0007 0001 61 00000000 0021 20" + strings.Repeat("bb", 32) + "0017 0000", illegalParameter, "client_hello: pre_shared_key: not the last extension"},

	// The rest of ClientHello.
	{"ClientHello", "", decodeError, "client_hello: legacy_version: truncated"},
	{"ClientHello", "0303" + randomHex + "21" + strings.Repeat("00", 33) + "0002 1301 0100", decodeError, "client_hello: legacy_session_id: 33 bytes, at most 32 allowed"},
	{"ClientHello", "0303" + randomHex + "00 0000 0100", decodeError, "client_hello: cipher_suites: empty"},
	{"ClientHello", "0303" + randomHex + "00 0003 130113 0100", decodeError, "client_hello: cipher_suites: 3 bytes is not a list of two-byte values"},
	{"ClientHello", "0303" + randomHex + "00 0002 1301 00", decodeError, "client_hello: legacy_compression_methods: empty"},
	{"ClientHello", "0303" + randomHex + "00 0002 1301 0100 0000 00", decodeError, "client_hello: 1 byte left over"},
	{"ClientHello", "0303" + randomHex + "00 0002 1301 0100 00", decodeError, "client_hello: extensions: truncated"},

	// ServerHello.
	{"SH", "002b 0002 0000", illegalParameter, "server_hello: supported_versions: version 0"},
	{"SH", "002b 0003 02 0304", decodeError, "server_hello: supported_versions: 1 byte left over"},
	{"SH", "002b 0002 0304 002b 0002 0304", decodeError, "server_hello: extensions: a duplicate type"},
	{"SH", "0033 0002 001d", decodeError, "server_hello: key_share: key_exchange: truncated"},
	{"SH", "0033 0004 001d 0000", decodeError, "server_hello: key_share: key_exchange: empty"},
	{"SH", "0029 0001 00", decodeError, "server_hello: pre_shared_key: selected_identity: truncated"},
	{"SH", "0010 0008 0006 02 6832 02 6833", decodeError, "server_hello: application_layer_protocol_negotiation: 2 protocol names, exactly 1 required"},
	{"SH", "0000 0001 00", decodeError, "server_hello: server_name: 1 byte left over"},
	{"SH", "0012 0002 0000", decodeError, "server_hello: signed_certificate_timestamp: empty"},
	{"SH", "0012 0004 0002 0000", decodeError, "server_hello: signed_certificate_timestamp: empty"},
	{"SH", "0014 0002 0200", decodeError, "server_hello: server_certificate_type: 1 byte left over"},
	{"HRR", "0033 0024 001d 0020" + strings.Repeat("25", 32), decodeError, "server_hello: key_share: 34 bytes left over"},
	{"HRR", "0033 0002 001d 0033 0002 001d", illegalParameter, "server_hello: extensions: a duplicate type"},
	{"HRR", "002c 0002 0000", decodeError, "server_hello: cookie: empty"},
	{"HRR", "fe0d 0007 00000000000000", decodeError, "server_hello: encrypted_client_hello: confirmation of 7 bytes, not 8"},
	{"ServerHello", "0303" + randomHex + "21" + strings.Repeat("00", 33) + "1301 00", decodeError, "server_hello: legacy_session_id_echo: 33 bytes, at most 32 allowed"},
	{"ServerHello", "0303" + randomHex + "00 1301 00 0000 00", decodeError, "server_hello: 1 byte left over"},

	// EncryptedExtensions.
	{"EncryptedExtensions", "", decodeError, "encrypted_extensions: extensions: truncated"},
	{"EncryptedExtensions", "0005 002a 0001 00", decodeError, "encrypted_extensions: early_data: 1 byte left over"},
	{"EncryptedExtensions", "0006 001c 0002 0001", illegalParameter, "encrypted_extensions: record_size_limit: 1 byte, at least 64 required"},
	{"EncryptedExtensions", "0006 fe0d 0002 0000", decodeError, "encrypted_extensions: encrypted_client_hello: ECHConfigList: empty"},
	{"EncryptedExtensions", "000a fe0d 0006 0004 0001 0001", decodeError, "encrypted_extensions: encrypted_client_hello: contents: truncated"},
	{"EncryptedExtensions", "0008 002a 0000 002a 0000", decodeError, "encrypted_extensions: extensions: a duplicate type"},

	// Certificates.
	{"CertificateRequest", "00 0008 000d 0004 0001 04", decodeError, "certificate_request: extensions: truncated"},
	{"CertificateRequest", "00 0006 000d 0002 0000", decodeError, "certificate_request: signature_algorithms: empty"},
	{"CertificateRequest", "00 0005 0005 0001 01", decodeError, "certificate_request: status_request: responder_id_list: truncated"},
	{"CertificateRequest", "00 0009 0030 0005 0003 00 0000", decodeError, "certificate_request: oid_filters: certificate_extension_oid: empty"},
	{"CertificateRequest", "00 000a 0030 0006 0003 01 55 00 00", decodeError, "certificate_request: oid_filters: certificate_extension_values: truncated"},
	{"Certificate", "00 000005 000000 0000", decodeError, "certificate: cert_data: empty"},
	{"Certificate", "00 00000c 000001 30 0006 0012 0002 0000", decodeError, "certificate: signed_certificate_timestamp: empty"},
	{"Certificate", "00 00000f 000001 30 0009 0005 0005 02 000001 00", illegalParameter, "certificate: status_request: status_type: 2, expected ocsp"},
	{"Certificate", "00 00000e 000001 30 0008 0005 0004 01 000000", decodeError, "certificate: status_request: response: empty"},
	{"Certificate", "00 00000e 000001 30 0008 1a1a 0000 1a1a 0000", illegalParameter, "certificate: extensions: a duplicate type"},
	{"CompressedCertificate", "0001 000010 000000", decodeError, "compressed_certificate: compressed_certificate_message: empty"},
	{"CertificateVerify", "0807 0001 00 00", decodeError, "certificate_verify: 1 byte left over"},
	{"Finished", "", decodeError, "finished: verify_data: empty"},

	// After the handshake.
	{"NewSessionTicket", "00000000 00000000 00 0000 0000", decodeError, "new_session_ticket: ticket: empty"},
	{"NewSessionTicket", "00000000 00000000 00 0001 00 0006 002a 0002 0000", decodeError, "new_session_ticket: early_data: max_early_data_size: truncated"},
	{"NewSessionTicket", "00000000 00000000 00 0001 00 0008 1a1a 0000 1a1a 0000", illegalParameter, "new_session_ticket: extensions: a duplicate type"},
	{
		"NewConnectionId", "0002010702", illegalParameter,
		"new_connection_id: usage: value 2, 0 or 1 allowed",
	},
	{"NewConnectionId", "000201", decodeError, "new_connection_id: cids: truncated"},
	{"NewConnectionId", "0002020701", decodeError, "new_connection_id: cids: truncated"},
	{"RequestConnectionId", "", decodeError, "request_connection_id: num_cids: truncated"},
	{"KeyUpdate", "", decodeError, "key_update: request_update: truncated"},
	{"KeyUpdate", "02", illegalParameter, "key_update: request_update: value 2, 0 or 1 allowed"},
	{"KeyUpdate", "0000", decodeError, "key_update: 1 byte left over"},

	// TLS 1.2.
	{"Certificate12", "000003 000000", decodeError, "certificate: certificate_list: empty"},
	{"Certificate12", "000004 000002 00", decodeError, "certificate: certificate_list: truncated"},
	{"RawKey12", "000001", decodeError, "certificate: subjectPublicKeyInfo: truncated"},
	{"CertificateStatus12", "02 000001 00", illegalParameter, "certificate_status: status_type: 2, expected ocsp"},
	{"CertificateStatus12", "01 000000", decodeError, "certificate_status: response: empty"},
	{"ServerKeyExchange12", "01 001d 01 00 0403 0000", illegalParameter, "server_key_exchange: curve_type: value 1, only named_curve allowed"},
	{"ServerKeyExchange12", "03 001d 00 0403 0000", decodeError, "server_key_exchange: point: empty"},
	{"ServerKeyExchange12", "03 001d 01 00", decodeError, "server_key_exchange: algorithm: truncated"},
	{"ServerKeyExchange12 PSK", "0001", decodeError, "server_key_exchange: psk_identity_hint: truncated"},
	{"ServerKeyExchange12 ECDHE_PSK", "0000 03 001d 01 00 0403 0000", decodeError, "server_key_exchange: 4 bytes left over"},
	{"CertificateRequest12", "00 0002 0403 0000", decodeError, "certificate_request: certificate_types: empty"},
	{"CertificateRequest12", "01 01 0000 0000", decodeError, "certificate_request: supported_signature_algorithms: empty"},
	{"CertificateRequest12", "01 01 0002 0403 0002 0000", decodeError, "certificate_request: certificate_authorities: empty"},
	{"ClientKeyExchange12", "00", decodeError, "client_key_exchange: ecdh_Yc: empty"},
	{"ClientKeyExchange12 PSK", "0001 61 00", decodeError, "client_key_exchange: 1 byte left over"},
	{"NewSessionTicket12", "00000000 0001", decodeError, "new_session_ticket: ticket: truncated"},
}

func TestRejected(t *testing.T) {
	for i, tt := range rejects {
		t.Run(fmt.Sprintf("%d %s", i, tt.want), func(t *testing.T) {
			body, name := unhex(t, tt.body), tt.form
			start := map[string]string{
				"CH":  "0303" + randomHex + "00 0002 1301 0100",
				"SH":  "0303" + randomHex + "00 1301 00",
				"HRR": "0303 cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c 00 1301 00",
			}
			if s, ok := start[name]; ok {
				body = append(append(unhex(t, s), byte(len(body)>>8), byte(len(body))), body...)
				name = map[string]string{"CH": "ClientHello", "SH": "ServerHello", "HRR": "ServerHello"}[name]
			}
			m, err := forms[name].parse(body)
			if err == nil {
				t.Fatalf("parses as %+v", m)
			}
			refused(t, err, tt.alert, tt.want)
		})
	}
}

// TestManyExtensions makes the comparison of types take its other path, and
// shows that hostile numbers of extensions cost no more than their bytes.
func TestManyExtensions(t *testing.T) {
	hello := &wire.ClientHello{LegacyVersion: iana.TLS12, CipherSuites: []iana.CipherSuite{1}, CompressionMethods: []byte{0}}
	for i := range 16000 {
		hello.Unknown = append(hello.Unknown, wire.Extension{Type: iana.ExtensionType(0x4000 + i)})
	}
	body := appended(t, hello)[wire.HeaderLen:]
	if m, err := wire.ParseClientHello(body); err != nil || len(m.Unknown) != 16000 {
		t.Fatalf("16000 different extensions: %v", err)
	}
	hello.Unknown[15999].Type = hello.Unknown[0].Type
	_, err := wire.ParseClientHello(appended(t, hello)[wire.HeaderLen:])
	refused(t, err, decodeError, "client_hello: extensions: a duplicate type")
}

func TestWrongKeyExchange(t *testing.T) {
	_, err := wire.ParseServerKeyExchange12(nil, false, false)
	refused(t, err, iana.AlertUnexpectedMessage, "server_key_exchange: not part of this key exchange")
}

// TestForeignExtensions: extensions that a message has no field for are left to the
// engine, in any form.
func TestForeignExtensions(t *testing.T) {
	m, err := wire.ParseServerHello(append(unhex(t, "0303"+randomHex+"00 1301 00"), unhex(t, "000c 002c 0000 fe0d 0000 002a 0000")...))
	if err != nil || len(m.Unknown) != 3 || m.Cookie != nil || m.ECHConfirmation != nil {
		t.Errorf("%+v, %v", m, err)
	}
	hello, err := wire.ParseClientHello(append(unhex(t, "0303"+randomHex+"00 0002 1301 0100"), unhex(t, "0009 0005 0005 02 ffffffff")...))
	if err != nil || hello.StatusRequest || len(hello.Present) != 1 {
		t.Errorf("a status_type of the future: %+v, %v", hello, err)
	}
	request, err := wire.ParseCertificateRequest(unhex(t, "00 0009 0005 0005 01 0000 0000"))
	if err != nil || !request.StatusRequest {
		t.Errorf("status_request in ClientHello's form: %+v, %v", request, err)
	}
}
