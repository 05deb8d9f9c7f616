package main

import (
	"bytes"
	"errors"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/talk"
)

// loadIdentity returns the user's key. The terminal asks for the passphrase of a key that is
// encrypted, and with --passphrase for that of a key that is not.
func (flags *chatFlags) loadIdentity(file string) (*talk.Identity, error) {
	id, err := talk.LoadIdentity(file)
	var refused *identity.Error
	encrypted := errors.As(err, &refused) && refused.Code == identity.CodeEncrypted
	if encrypted {
		id, err = talk.LoadIdentity(file, identity.Password(func(string) ([]byte, error) {
			return askPassword("passphrase of " + file)
		}))
	}
	if err != nil {
		return nil, failed(err, "the key of --identity cannot be used: %v", err).
			hinted("it is in %s; name another file", file)
	}
	if flags.passphrase && !encrypted {
		err = encryptIdentity(id, file)
	}
	return id, err
}

// encryptIdentity asks for a passphrase twice, and encrypts the file of a key with it.
func encryptIdentity(id *talk.Identity, file string) error {
	passphrase, err := askPassword("new passphrase for " + file)
	if err != nil {
		return unanswered(err, "passphrase").
			hinted("run seal chat join --passphrase on a terminal once")
	}
	defer func() { clear(passphrase) }()
	again, err := askPassword("the same again")
	switch {
	case err != nil:
		return unanswered(err, "passphrase").hinted("the key was not encrypted; try again")
	case len(passphrase) == 0 || !bytes.Equal(passphrase, again):
		return failed(nil, "the passphrase is empty, or the second is another one").
			hinted("the key was not encrypted; try again")
	}
	if err := id.Encrypt(file, passphrase); err != nil {
		return failed(err, "the key was not encrypted: %v", err).hinted("it is in %s", file)
	}
	return nil
}
