// The run format: blocks of entries, their directory, and a footer, since the writer learns the count last.

package memory

import (
	"bytes"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
)

const (
	version    = 1
	footerSize = 56
)

var magic = []byte("BURSMEM\x01")

// RunInfo describes a run for the catalog. Name is its object; the times are the first and the last receipt of
// its entries, in Unix seconds rounded down.
type RunInfo struct {
	Name          string `json:"name"`
	Entries       int64  `json:"entries"`
	FirstReceived int64  `json:"first_received"`
	LastReceived  int64  `json:"last_received"`
}

// footer ends a run, in this order, little-endian: entries, directory bits and version (uint32 each), first and
// last receipt, checksum of all before the footer, checksum of the footer so far, magic.
type footer struct {
	entries     uint64
	dirBits     uint32
	first, last int64
	body        uint64
}

func (f *footer) encode() []byte {
	b := make([]byte, 0, footerSize)
	b = le.AppendUint64(b, f.entries)
	b = le.AppendUint32(b, f.dirBits)
	b = le.AppendUint32(b, version)
	b = le.AppendUint64(b, uint64(f.first))
	b = le.AppendUint64(b, uint64(f.last))
	b = le.AppendUint64(b, f.body)
	b = le.AppendUint64(b, xxh3.Hash(b))
	return append(b, magic...)
}

// parseFooter reads the footer of a whole run and checks that the run has the size it tells.
func parseFooter(run []byte) (footer, error) {
	if len(run) < footerSize {
		return footer{}, fmt.Errorf("%w: %d bytes are less than a footer", ErrCorrupt, len(run))
	}
	b := run[len(run)-footerSize:]
	if !bytes.Equal(b[48:], magic) {
		return footer{}, fmt.Errorf("%w: no footer at the end, the object is truncated or not a run", ErrCorrupt)
	}
	if xxh3.Hash(b[:40]) != le.Uint64(b[40:]) {
		return footer{}, fmt.Errorf("%w: footer checksum differs", ErrCorrupt)
	}
	if v := le.Uint32(b[12:]); v != version {
		return footer{}, fmt.Errorf("run has format version %d, this program reads %d", v, version)
	}
	f := footer{le.Uint64(b), le.Uint32(b[8:]), int64(le.Uint64(b[16:])), int64(le.Uint64(b[24:])), le.Uint64(b[32:])}
	if f.entries > maxEntries || f.dirBits > maxBits {
		return footer{}, fmt.Errorf("%w: %d entries, %d directory bits", ErrCorrupt, f.entries, f.dirBits)
	}
	if want := f.entries*entrySize + uint64(dirSize(uint8(f.dirBits))) + footerSize; uint64(len(run)) != want {
		return footer{}, fmt.Errorf("%w: %d bytes where %d are due", ErrCorrupt, len(run), want)
	}
	return f, nil
}

// readTable makes a table of a whole run, which it keeps.
func readTable(run []byte) (*table, footer, error) {
	f, err := parseFooter(run)
	if err != nil {
		return nil, f, err
	}
	t := &table{n: uint32(f.entries), dirBits: uint8(f.dirBits), sum: f.body}
	body := run[:f.entries*entrySize]
	t.dir = run[len(body) : len(run)-footerSize]
	for len(body) > 0 {
		size := min(len(body), blockSize)
		t.blocks = append(t.blocks, body[:size:size])
		body = body[size:]
	}
	return t, f, nil
}

// writeRun merges tables into one run of entries received between first and last, and returns their number.
// The tables stay as they are.
func writeRun(w io.Writer, tables []*table, first, last int64) (int64, error) {
	sum := xxh3.New()
	write := func(p []byte) error {
		_, _ = sum.Write(p) // a hash takes everything
		_, err := w.Write(p)
		return err
	}
	var buffer []byte
	take := func(size int) []byte {
		if cap(buffer) < size {
			buffer = make([]byte, size)
		}
		return buffer[:size]
	}
	give := func(block []byte, entries int) error {
		room := len(block) / entrySize
		for _, size := range [...]int{markSize, hiSize, restSize} {
			if err := write(block[:entries*size]); err != nil {
				return err
			}
			block = block[room*size:]
		}
		return nil
	}
	b, err := newBuilder(total(tables), take, give)
	if err != nil {
		return 0, err
	}
	if err := newMerger(tables, nil).into(b); err != nil {
		return 0, err
	}
	if err := b.finish(); err != nil {
		return 0, err
	}
	if err := write(b.dir); err != nil {
		return 0, err
	}
	f := footer{b.n, uint32(b.dirBits), first, last, sum.Sum64()}
	_, err = w.Write(f.encode())
	return int64(b.n), err
}

func total(tables []*table) uint64 {
	var n uint64
	for _, t := range tables {
		n += uint64(t.n)
	}
	return n
}
