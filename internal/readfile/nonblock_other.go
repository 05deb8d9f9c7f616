//go:build !unix

package readfile

// nonblock is of no use where files do not block.
const nonblock = 0
