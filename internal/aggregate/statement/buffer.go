// Buffers that readers of statements share, as banks send many small files.

package statement

import (
	"bufio"
	"io"
	"sync"
)

// Window is how many bytes a Buffer reads ahead.
const Window = 64 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, Window) }}

// Buffer reads ahead of r. Once it is handed to Release, nothing that was peeked or sliced of it may be looked at.
func Buffer(r io.Reader) *bufio.Reader {
	b := buffers.Get().(*bufio.Reader) //nolint:errcheck // the pool holds nothing else
	b.Reset(r)
	return b
}

// Release lets a Buffer be used again.
func Release(b *bufio.Reader) {
	b.Reset(nil)
	buffers.Put(b)
}
