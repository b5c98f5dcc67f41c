// The output of a program: its first and last bytes are kept, all of it can be followed, and it is searched for a text.

package process

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	readSize = 32 << 10
	// drainIdle and drainMost bound what is read after the program's end from a pipe that a foreign process keeps open.
	drainIdle = time.Second
	drainMost = 1 << 20
)

// output collects what is read from the pipes of a program.
type output struct {
	mu      sync.Mutex
	kept    bounded
	confirm *Search
	live    func([]byte)
	stdout  func([]byte)
	stderr  func([]byte)

	ended atomic.Bool
	pipes []*os.File
	wait  sync.WaitGroup
}

func newOutput(c *Command) *output {
	return &output{kept: bounded{half: max(c.Keep, 0) / 2}, confirm: NewSearch(c.Confirm), live: c.Live, stdout: c.Stdout, stderr: c.Stderr}
}

// follow reads a pipe until its end, or for a bounded time after drain was called.
func (o *output) follow(pipe *os.File, isStdout bool) {
	o.pipes = append(o.pipes, pipe)
	o.wait.Go(func() {
		buffer := make([]byte, readSize)
		for drained := 0; drained < drainMost; {
			if o.ended.Load() {
				_ = pipe.SetReadDeadline(time.Now().Add(drainIdle))
			}
			n, err := pipe.Read(buffer)
			if n > 0 {
				o.add(buffer[:n], isStdout)
			}
			if err != nil {
				return
			}
			if o.ended.Load() {
				drained += n
			}
		}
	})
}

func (o *output) add(p []byte, isStdout bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept.add(p)
	alone := o.stderr
	if isStdout {
		_, _ = o.confirm.Write(p) // it never fails
		alone = o.stdout
	}
	if alone != nil {
		alone(p)
	}
	if o.live != nil {
		o.live(p)
	}
}

// drain reads what is left in the pipes after the program's end, and closes them.
func (o *output) drain() {
	o.ended.Store(true)
	for _, pipe := range o.pipes {
		_ = pipe.SetReadDeadline(time.Now().Add(drainIdle))
	}
	o.wait.Wait()
	for _, pipe := range o.pipes {
		_ = pipe.Close()
	}
	o.pipes = nil
}

// bounded keeps the first and the last bytes of what is added. Its memory grows with them, up to both halves.
type bounded struct {
	half       int
	head, tail []byte
	next       int // where the oldest byte of a full tail is
	total      int64
}

func (b *bounded) add(p []byte) {
	b.total += int64(len(p))
	n := min(b.half-len(b.head), len(p))
	b.head = append(b.head, p[:n]...)
	p = p[n:]
	if len(p) > b.half {
		p = p[len(p)-b.half:]
	}
	n = min(b.half-len(b.tail), len(p))
	b.tail = append(b.tail, p[:n]...)
	for p = p[n:]; len(p) > 0; p = p[n:] {
		n = copy(b.tail[b.next:], p)
		b.next = (b.next + n) % b.half
	}
}

// bytes returns what is kept, and how many bytes are missing between its halves.
func (b *bounded) bytes() (kept []byte, cut int64) {
	kept = make([]byte, 0, len(b.head)+len(b.tail))
	kept = append(kept, b.head...)
	kept = append(kept, b.tail[b.next:]...)
	kept = append(kept, b.tail[:b.next]...)
	return kept, b.total - int64(len(kept))
}
