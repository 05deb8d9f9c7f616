// Package certcompress implements TLS certificate compression (RFC 8879) with
// zlib, brotli and zstd. It is a separate package so that only programs that
// import it link the compressors.
//
// Decompression stops at the length that the message promises, which the engine
// bounds, and takes no larger window than that length needs: with brotli 256 KiB, with
// zstd 1 MiB. So a bomb costs about what the largest certificate would.
package certcompress

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// All returns the three algorithms, ordered by compression ratio, best first.
// Each caches its latest results, so share the result of All between
// configurations. The slice that Compress returns must not be modified.
func All() []engine.Compressor {
	return []engine.Compressor{Brotli(), Zstd(), Zlib()}
}

var errLength = errors.New("the decompressed certificate does not have the declared length")

// exactly reads n bytes and checks that EOF follows.
func exactly(r io.Reader, n int) ([]byte, error) {
	out := make([]byte, n+1)
	got, err := io.ReadFull(r, out)
	if got != n || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, errLength
	}
	return out[:n], nil
}

// Zlib is algorithm 1, after RFC 1950.
func Zlib() engine.Compressor {
	return engine.Compressor{
		ID: iana.CompressionZlib,
		Compress: remembered(func(data []byte) ([]byte, error) {
			var b bytes.Buffer
			return written(&b, zlib.NewWriter(&b), data)
		}),
		Decompress: func(data []byte, n int) ([]byte, error) {
			r, err := zlib.NewReader(bytes.NewReader(data))
			if err != nil {
				return nil, err
			}
			return exactly(r, n)
		},
	}
}

// Brotli is algorithm 2, after RFC 7932.
func Brotli() engine.Compressor {
	return engine.Compressor{
		ID: iana.CompressionBrotli,
		Compress: remembered(func(data []byte) ([]byte, error) {
			var b bytes.Buffer
			return written(&b, brotli.NewWriter(&b), data)
		}),
		Decompress: func(data []byte, n int) ([]byte, error) {
			return exactly(brotli.NewReader(bytes.NewReader(narrowed(data, n))), n)
		},
	}
}

// Windows of 2^18 to 2^24 bytes are three bits in the first byte of brotli data, behind
// a bit that is set. RFC 7932, Section 9.1.
const (
	wideWindow      = 1
	windowShift     = 1
	windowMask      = 7 << windowShift
	windowBase      = 17 // added to the three bits, which are not all zero
	windowOverhead  = 16 // bytes of a window that distances do not reach
	narrowestOfWide = 18
)

// narrowed returns data with the smallest window of at least 2^18 bytes that holds n
// bytes, if it has a larger one. The result is the same, because no distance in n
// bytes reaches further than n. But the decompressor takes memory for the window that
// the data names, and fills it before it returns a byte: 14 bytes could cost 16 MiB.
func narrowed(data []byte, n int) []byte {
	if len(data) == 0 || data[0]&wideWindow == 0 || data[0]&windowMask == 0 {
		return data
	}
	bits := narrowestOfWide
	for 1<<bits-windowOverhead < n {
		bits++
	}
	if windowBase+int(data[0]&windowMask)>>windowShift <= bits {
		return data
	}
	narrow := bytes.Clone(data)
	narrow[0] = data[0]&^windowMask | byte(bits-windowBase)<<windowShift
	return narrow
}

// maxWindow bounds the memory of a zstd decompressor, in bytes.
const maxWindow = 1 << 20

// Zstd is algorithm 3, after RFC 8878.
func Zstd() engine.Compressor {
	return engine.Compressor{
		ID: iana.CompressionZstd,
		Compress: remembered(func(data []byte) ([]byte, error) {
			var b bytes.Buffer
			w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10))
			if err != nil {
				return nil, err
			}
			return written(&b, w, data)
		}),
		Decompress: func(data []byte, n int) ([]byte, error) {
			r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return nil, err
			}
			defer r.Close()
			return exactly(r, n)
		},
	}
}

// maxRemembered is the number of results that a compressor caches.
const maxRemembered = 16

// remembered caches the latest results, because a server sends the same few
// certificates in each handshake and compression takes longer than a handshake.
func remembered(compress func([]byte) ([]byte, error)) func([]byte) ([]byte, error) {
	var mu sync.Mutex
	known := map[[32]byte][]byte{}
	var order [][32]byte
	return func(data []byte) ([]byte, error) {
		key := sha256.Sum256(data)
		mu.Lock()
		packed := known[key]
		mu.Unlock()
		if packed != nil {
			return packed, nil
		}
		packed, err := compress(data)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		if known[key] == nil {
			if len(order) == maxRemembered {
				delete(known, order[0])
				order = order[1:]
			}
			known[key], order = packed, append(order, key)
		}
		return packed, nil
	}
}

// written writes data to w, closes it and returns the contents of b.
func written(b *bytes.Buffer, w io.WriteCloser, data []byte) ([]byte, error) {
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
