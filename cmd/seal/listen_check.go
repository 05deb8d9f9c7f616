package main

// The values of --tickets.
const (
	defaultTickets = 2
	maxTickets     = 64
)

// checkResumption finds flags about sessions and versions that contradict each other.
func (flags *listenFlags) checkResumption() error {
	switch {
	case flags.tickets < 0 || flags.tickets > maxTickets:
		return usage("--tickets %d is not 0 to %d", flags.tickets, maxTickets).hinted("as in --tickets 2")
	case flags.maxEarly > maxEarlyFile:
		return usage("--max-early-data %d is more than %d", flags.maxEarly, maxEarlyFile).hinted("as in --max-early-data 16384")
	case flags.maxEarly > 0 && flags.tickets == 0:
		return usage("--max-early-data needs resumption, which --tickets 0 disables").hinted("leave out one of them")
	case flags.pskAlone && flags.pskFile == "" && flags.tickets == 0:
		return usage("--psk-without-dhe is about keys of --psk-file and sessions, and --tickets 0 " +
			"disables sessions").hinted("add --psk-file FILE, or leave out --psk-without-dhe")
	}
	return flags.checkVersion(map[string]bool{
		"--client-auth late": flags.late(), "--ech-keys": len(flags.echKeys) > 0,
		"--max-early-data": flags.maxEarly > 0,
	})
}

// checkCredentials finds flags about what is shown that contradict each other.
func (flags *listenFlags) checkCredentials() error {
	if err := flags.checkResumption(); err != nil {
		return err
	}
	if flags.pskOnly() {
		if err := flags.checkPSKOnly(); err != nil {
			return err
		}
	}
	if !flags.relay {
		if err := flags.fleet.check(flags.maxEarly > 0, flags.tickets > 0); err != nil {
			return err
		}
	}
	if !flags.legacy {
		return nil
	}
	return flags.negotiationFlags.checkLegacy(map[string]bool{
		"--tickets": flags.tickets != defaultTickets, "--max-early-data": flags.maxEarly > 0, "--psk-file": flags.pskFile != "",
		"--psk-without-dhe": flags.pskAlone,
		"--ech-keys":        len(flags.echKeys) > 0, "--raw-key": flags.rawKey, "--client-auth late": flags.late(),
		"--sni-strict": flags.sniStrict, "--ticket-keys and --fleet-secret": flags.fleet.given(),
	})
}

// checkPSKOnly finds flags that need the certificate that is not there.
func (flags *listenFlags) checkPSKOnly() error {
	switch {
	case len(flags.echKeys) > 0:
		return usage("--ech-keys needs a certificate for its public name, which --psk-file does not replace").hinted("add --cert FILE")
	case (flags.trustFlags.named() || len(flags.clientCA) > 0) && !flags.late():
		return usage("--psk-file without --cert accepts only clients with a key, which send no certificate").
			hinted("leave out --ca, --pin and --known-peers, or add --cert FILE")
	case flags.sniStrict:
		return usage("--sni-strict is for certificates, and --psk-file without --cert has none").
			hinted("leave out one of them")
	case len(flags.names) > 0:
		return usage("--name is for a certificate, which --psk-file without --cert does not use").hinted("leave out one of them")
	}
	return nil
}
