package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// MaxKey is the longest idempotency key that a frame holds, in bytes.
const MaxKey = 255

// prologue is what stands before a payload: its length and the checksum.
const prologue = 8

// chunk is how much of a payload is read before more memory is taken: a damaged length must not ask for gigabytes.
const chunk = 1 << 20

var (
	le    = binary.LittleEndian
	table = crc32.MakeTable(crc32.Castagnoli)
)

// errTorn says that no whole frame follows.
var errTorn = errors.New("torn frame")

// begin is the prologue of a frame whose payload is these pieces, one after the other.
func begin(pieces ...[]byte) ([prologue]byte, error) {
	var p [prologue]byte
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	if size > math.MaxInt32 {
		return p, fmt.Errorf("a frame of %d bytes is more than 2 GiB", size)
	}
	le.PutUint32(p[:], uint32(size))
	sum := crc32.Update(0, table, p[:4])
	for _, piece := range pieces {
		sum = crc32.Update(sum, table, piece)
	}
	le.PutUint32(p[4:], sum)
	return p, nil
}

// readFrame reads the next payload, into memory of its own. It is io.EOF where the file ends between frames, and errTorn where no
// whole frame follows.
func readFrame(in *bufio.Reader) ([]byte, error) {
	var p [prologue]byte
	if n, err := io.ReadFull(in, p[:]); err != nil {
		return nil, ended(err, n == 0)
	}
	size := int(le.Uint32(p[:]))
	if size == 0 || size > math.MaxInt32 {
		return nil, errTorn
	}
	payload := make([]byte, 0, min(size, chunk))
	for len(payload) < size {
		more := min(size-len(payload), max(len(payload), chunk))
		payload = append(payload, make([]byte, more)...)
		if _, err := io.ReadFull(in, payload[len(payload)-more:]); err != nil {
			return nil, ended(err, false)
		}
	}
	if sum := crc32.Update(crc32.Update(0, table, p[:4]), table, payload); sum != le.Uint32(p[4:]) {
		return nil, errTorn
	}
	return payload, nil
}

// ended tells the end of a file from one that cannot be read.
func ended(err error, between bool) error {
	switch {
	case errors.Is(err, io.EOF) && between:
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errTorn
	}
	return err
}
