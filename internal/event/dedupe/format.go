// The table format: blocks of entries, their directory, checksums of the pages, and a footer, since the writer knows the count last.

package dedupe

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/xxh3"
)

const (
	// version is the version that is written. Version 1 has no page checksums: its footer has one checksum of everything before it.
	version    = 2
	footerSize = 56
)

var magic = []byte("BURSMEM\x01")

// TableInfo describes a table for the catalog. Name is its object; the times are the first and the last receipt of its entries, in Unix
// seconds rounded down. Bytes and Digest are not set for tables of version 1.
type TableInfo struct {
	Name          string `json:"name"`
	Entries       int64  `json:"entries"`
	FirstReceived int64  `json:"first_received"`
	LastReceived  int64  `json:"last_received"`
	Replaced      int64  `json:"replaced,omitempty"` // entries that a merge replaced by newer ones with the same ids
	Bytes         int64  `json:"bytes,omitempty"`
	Digest        string `json:"digest,omitempty"` // of the footer, which contains the checksum of the page checksums
}

// footer ends a table, in this order, little-endian: entries, directory bits and version (uint32 each), first and
// last receipt, checksum of the pages' checksums (version 1: of blocks and directory), checksum of the footer so far,
// magic.
type footer struct {
	entries     uint64
	dirBits     uint32
	version     uint32
	first, last int64
	sum         uint64
}

func (f *footer) encode() []byte {
	b := make([]byte, 0, footerSize)
	b = le.AppendUint64(b, f.entries)
	b = le.AppendUint32(b, f.dirBits)
	b = le.AppendUint32(b, f.version)
	b = le.AppendUint64(b, uint64(f.first))
	b = le.AppendUint64(b, uint64(f.last))
	b = le.AppendUint64(b, f.sum)
	b = le.AppendUint64(b, xxh3.Hash(b))
	return append(b, magic...)
}

// body returns the size of blocks and directory in bytes.
func (f *footer) body() uint64 { return f.entries*entrySize + uint64(dirSize(uint8(f.dirBits))) }

func (f *footer) sums() uint64 {
	if f.version == 1 {
		return 0
	}
	return (f.body() + pageSize - 1) / pageSize * sumSize
}

func digestOf(footer []byte) string {
	sum := xxh3.Hash128(footer).Bytes()
	return hex.EncodeToString(sum[:])
}

// parseFooter parses the footer of a table and checks that the table has the stated size.
func parseFooter(sealed []byte) (footer, error) {
	if len(sealed) < footerSize {
		return footer{}, fmt.Errorf("%w: %d bytes are less than a footer", ErrCorrupt, len(sealed))
	}
	b := sealed[len(sealed)-footerSize:]
	if !bytes.Equal(b[48:], magic) {
		return footer{}, fmt.Errorf("%w: no footer at the end, the object is truncated or not a table", ErrCorrupt)
	}
	if xxh3.Hash(b[:40]) != le.Uint64(b[40:]) {
		return footer{}, fmt.Errorf("%w: footer checksum differs", ErrCorrupt)
	}
	f := footer{
		entries: le.Uint64(b), dirBits: le.Uint32(b[8:]), version: le.Uint32(b[12:]),
		first: int64(le.Uint64(b[16:])), last: int64(le.Uint64(b[24:])), sum: le.Uint64(b[32:]),
	}
	if f.version < 1 || f.version > version {
		return footer{}, fmt.Errorf("table has format version %d, this program reads 1 to %d", f.version, version)
	}
	if f.entries > maxEntries || f.dirBits > maxBits {
		return footer{}, fmt.Errorf("%w: %d entries, %d directory bits", ErrCorrupt, f.entries, f.dirBits)
	}
	if want := f.body() + f.sums() + footerSize; uint64(len(sealed)) != want {
		return footer{}, fmt.Errorf("%w: %d bytes, want %d", ErrCorrupt, len(sealed), want)
	}
	return f, nil
}

// readTable opens a table in memory, which it keeps. The content of a version 1 table is not checked before verify.
func readTable(sealed []byte) (*table, footer, error) {
	f, err := parseFooter(sealed)
	if err != nil {
		return nil, f, err
	}
	t := &table{n: uint32(f.entries), dirBits: uint8(f.dirBits), sum: f.sum, dirAt: f.entries * entrySize}
	body, sums := sealed[:f.body()], sealed[f.body():len(sealed)-footerSize]
	t.dir = body[t.dirAt:]
	if f.version > 1 {
		if xxh3.Hash(sums) != f.sum {
			return nil, f, fmt.Errorf("%w: checksum of the pages' checksums differs", ErrCorrupt)
		}
		t.pages = &pages{body: body, sums: sums, seen: make([]uint64, (len(sums)/sumSize+63)/64)}
	}
	t.blocks = slices.Collect(slices.Chunk(body[:t.dirAt], blockSize))
	return t, f, nil
}

// writeTable merges tables into one and completes its description, whose times of receipt are given. The tables stay unchanged.
func writeTable(w io.Writer, tables []*table, info *TableInfo, newer Newer) error {
	var sums pageSums
	write := func(p []byte) error {
		sums.add(p)
		_, err := w.Write(p)
		return err
	}
	var buffer []byte
	alloc := func(size int) []byte {
		if cap(buffer) < size {
			buffer = make([]byte, size)
		}
		return buffer[:size]
	}
	emit := func(block []byte, entries int) error {
		capacity := len(block) / entrySize
		for _, size := range [...]int{markSize, hiSize, restSize} {
			if err := write(block[:entries*size]); err != nil {
				return err
			}
			block = block[capacity*size:]
		}
		return nil
	}
	b, err := newBuilder(total(tables), alloc, emit)
	if err != nil {
		return err
	}
	if err := newMerger(tables, newer, nil).writeTo(b); err != nil {
		return err
	}
	if err := b.finish(); err != nil {
		return err
	}
	if err := write(b.dir); err != nil {
		return err
	}
	return writeTrailer(w, b, sums.finish(), info)
}

// writeTrailer writes checksums and footer, after blocks and directory.
func writeTrailer(w io.Writer, b *builder, sums []byte, info *TableInfo) error {
	f := footer{b.n, uint32(b.dirBits), version, info.FirstReceived, info.LastReceived, xxh3.Hash(sums)}
	if _, err := w.Write(sums); err != nil {
		return err
	}
	end := f.encode()
	_, err := w.Write(end)
	info.Entries, info.Digest = int64(b.n), digestOf(end)
	info.Replaced += int64(b.bound - b.n)
	info.Bytes = int64(f.body() + f.sums() + footerSize)
	return err
}

func total(tables []*table) uint64 {
	var n uint64
	for _, t := range tables {
		n += uint64(t.n)
	}
	return n
}
