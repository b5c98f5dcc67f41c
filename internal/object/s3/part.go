// Buffers of what is uploaded.

package s3

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"
)

// partSize is the size of a part of a large object, and the largest object that is written with one request.
const partSize = 32 << 20

// chunkSize is the size of a buffer. A part is made of as many as it needs, so that small objects take little memory.
const chunkSize = 256 << 10

var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// part is up to limit bytes, with their checksum.
type part struct {
	limit  int
	chunks []*[chunkSize]byte
	size   int
	crc    uint32
}

// write takes as many bytes as fit.
func (p *part) write(b []byte) int {
	b = b[:min(len(b), p.limit-p.size)]
	p.crc = crc32.Update(p.crc, castagnoli, b)
	for rest := b; len(rest) > 0; {
		at := p.size % chunkSize
		if at == 0 {
			p.chunks = append(p.chunks, chunks.Get().(*[chunkSize]byte)) //nolint:errcheck // the pool contains nothing else
		}
		n := copy(p.chunks[len(p.chunks)-1][at:], rest)
		p.size += n
		rest = rest[n:]
	}
	return len(b)
}

// checksum returns the CRC-32C as S3 wants it.
func (p *part) checksum() *string {
	text := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, p.crc))
	return &text
}

// release gives the buffers back. No body of the part may be open.
func (p *part) release() {
	for _, c := range p.chunks {
		chunks.Put(c)
	}
	*p = part{limit: p.limit}
}

// body reads a part, from several goroutines if need be: an HTTP client may still read the body of a request that has failed.
type body struct {
	mu   sync.Mutex
	part *part // nil after end
	at   int64
}

var errSeek = errors.New("seek a part: the position is before its beginning")

func (b *body) Read(to []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.part == nil {
		return 0, fs.ErrClosed
	}
	for n < len(to) && b.at < int64(b.part.size) {
		chunk := b.part.chunks[b.at/chunkSize]
		end := min(int64(b.part.size)-b.at/chunkSize*chunkSize, chunkSize)
		copied := copy(to[n:], chunk[b.at%chunkSize:end])
		n += copied
		b.at += int64(copied)
	}
	if n == 0 && len(to) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.part == nil {
		return 0, fs.ErrClosed
	}
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += int64(b.part.size)
	}
	if offset < 0 {
		return 0, errSeek
	}
	b.at = offset
	return offset, nil
}

// end stops all reads, so that the part can be released.
func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.part = nil
}
