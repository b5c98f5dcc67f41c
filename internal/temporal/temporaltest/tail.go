// The end of the log of a server, for the error if it does not start.

package temporaltest

import (
	"bytes"
	"strings"
	"sync"
)

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps the last lines.
func (l *tail) Write(p []byte) (int, error) {
	const most = 8 << 10
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() > most {
		l.text.Next(l.text.Len() - most/2)
	}
	return l.text.Write(p)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.text.String())
}
