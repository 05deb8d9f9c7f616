package trust

// ASCIIName returns a DNS name in the form used on the wire: lower-case A-labels
// (RFC 5890), without a trailing dot. An error means that it is no DNS name.
func ASCIIName(name string) (string, error) { return asciiHost(name) }
