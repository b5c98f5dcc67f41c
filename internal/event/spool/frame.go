package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// MaxKey is the longest idempotency key that a frame holds, in bytes.
const MaxKey = 255

const (
	// prologue is what stands before a payload.
	prologue = 28
	// grain is what files grow by. A file's size is a multiple of it and 1: not what halving a file or cutting it at a block
	// leaves.
	grain = 64 << 10
)

var (
	magic = []byte("BSPL")
	le    = binary.LittleEndian
	table = crc32.MakeTable(crc32.Castagnoli)
)

// grown is the size of a file that holds so many bytes of frames.
func grown(size int64) int64 { return (max(size, 1)+grain-1)/grain*grain + 1 }

// begin is the prologue of a frame whose payload is these pieces, one after the other.
func begin(number uint64, frame uint32, pieces ...[]byte) ([prologue]byte, error) {
	var p [prologue]byte
	size, sum := 0, uint32(0)
	for _, piece := range pieces {
		size += len(piece)
		sum = crc32.Update(sum, table, piece)
	}
	if size > math.MaxInt32 {
		return p, fmt.Errorf("a frame of %d bytes is more than 2 GiB", size)
	}
	copy(p[:], magic)
	le.PutUint32(p[4:], frame)
	le.PutUint64(p[8:], number)
	le.PutUint32(p[16:], uint32(size))
	le.PutUint32(p[20:], sum)
	le.PutUint32(p[24:], crc32.Checksum(p[:24], table))
	return p, nil
}

// format says how frames of a spool are laid out.
type format interface {
	// frame is the whole frame at the start of text; ok is false where there is none.
	frame(text []byte) (f frame, ok bool)
	// next is where the next whole frame starts, behind the first byte of text; -1 where there is none.
	next(text []byte) int
	// torn reports whether text is what a writer leaves that died: a part of a frame, and nothing or zeros behind it.
	torn(text []byte) bool
}

type frame struct {
	payload []byte
	size    int    // with the prologue
	spool   uint64 // 0: the frame does not tell
	number  uint32
}

// framed is the format of this version.
type framed struct{}

func (framed) frame(text []byte) (frame, bool) {
	size, ok := whole(text)
	if !ok || len(text) < prologue+size || crc32.Checksum(text[prologue:prologue+size], table) != le.Uint32(text[20:]) {
		return frame{}, false
	}
	return frame{text[prologue : prologue+size], prologue + size, le.Uint64(text[8:]), le.Uint32(text[4:])}, true
}

// whole is the length of the payload that a whole prologue states.
func whole(text []byte) (size int, ok bool) {
	if len(text) < prologue || !bytes.HasPrefix(text, magic) || crc32.Checksum(text[:24], table) != le.Uint32(text[24:]) {
		return 0, false
	}
	return int(le.Uint32(text[16:])), true
}

func (f framed) next(text []byte) int {
	for at := 1; at < len(text); at++ {
		found := bytes.Index(text[at:], magic)
		if found < 0 {
			return -1
		}
		at += found
		if _, ok := f.frame(text[at:]); ok {
			return at
		}
	}
	return -1
}

func (framed) torn(text []byte) bool {
	written := bytes.TrimRight(text, "\x00")
	if len(written) < prologue {
		n := min(len(written), len(magic))
		return bytes.Equal(written[:n], magic[:n])
	}
	size, ok := whole(text)
	return ok && len(written) < prologue+size && prologue+size < len(text)
}

// earlier is the format of earlier versions.
type earlier struct{}

const earlierPrologue = 8

func (earlier) frame(text []byte) (frame, bool) {
	if len(text) < earlierPrologue {
		return frame{}, false
	}
	size := int64(le.Uint32(text))
	if size == 0 || size > int64(len(text)-earlierPrologue) {
		return frame{}, false
	}
	payload := text[earlierPrologue : earlierPrologue+size]
	if crc32.Update(crc32.Checksum(text[:4], table), table, payload) != le.Uint32(text[4:]) {
		return frame{}, false
	}
	return frame{payload: payload, size: earlierPrologue + int(size)}, true
}

// next tries every byte: frames have no mark. What it reads is bounded, as any byte may state a long payload.
func (e earlier) next(text []byte) int {
	budget := max(1<<30, 16*int64(len(text)))
	for at := 1; at < len(text) && budget > 0; at++ {
		if f, ok := e.frame(text[at:]); ok && f.size > 0 {
			return at
		}
		if size := int64(earlierSize(text[at:])); size <= int64(len(text)) {
			budget -= size
		}
	}
	return -1
}

func earlierSize(text []byte) uint32 {
	if len(text) < 4 {
		return 0
	}
	return le.Uint32(text)
}

func (earlier) torn(text []byte) bool {
	written := bytes.TrimRight(text, "\x00")
	return len(written) < earlierPrologue || int64(len(written)) < earlierPrologue+int64(earlierSize(text))
}

// formatOf tells the format of a spool by its first whole frame, or by the mark of the first frame.
func formatOf(text []byte) format {
	if _, ok := (earlier{}).frame(text); ok {
		return earlier{}
	}
	if n := min(len(text), len(magic)); n > 0 && bytes.Equal(text[:n], magic[:n]) || (framed{}).next(text) >= 0 {
		return framed{}
	}
	if (earlier{}).next(text) >= 0 {
		return earlier{}
	}
	if len(text)%grain == 1 {
		return framed{}
	}
	return earlier{}
}
