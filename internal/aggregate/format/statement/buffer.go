// Pools the read buffers of the format readers, because banks send many small files.

package statement

import (
	"bufio"
	"io"
	"sync"
)

// Window is how many bytes a Buffer reads ahead.
const Window = 64 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, Window) }}

// Buffer returns a pooled buffered reader of r. After Release, slices that it returned must not be used.
func Buffer(r io.Reader) *bufio.Reader {
	b := buffers.Get().(*bufio.Reader) //nolint:errcheck // the pool contains nothing else
	b.Reset(r)
	return b
}

// Release returns a buffer to the pool.
func Release(b *bufio.Reader) {
	b.Reset(nil)
	buffers.Put(b)
}
