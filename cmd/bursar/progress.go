// Shows progress bars on standard error if it is a terminal.

package main

import (
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressBar is a progress bar; without a terminal it shows nothing.
type progressBar struct{ bar *progressbar.ProgressBar }

// meter makes a progress bar over a total number of units, such as bytes or events.
func (o *output) meter(what, unit string, total int64) *progressBar {
	if width(o.err) == 0 || total == 0 {
		return &progressBar{}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(o.err), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100 * time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(24),
	}
	if unit == "bytes" {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit))
	}
	return &progressBar{progressbar.NewOptions64(total, options...)}
}

// set moves the bar. Errors of the terminal are ignored.
func (m *progressBar) set(n int64) {
	if m.bar != nil {
		_ = m.bar.Set64(min(n, m.bar.GetMax64()))
	}
}

func (m *progressBar) describe(what string) {
	if m.bar != nil {
		m.bar.Describe(what)
	}
}

// done removes the bar.
func (m *progressBar) done() {
	if m.bar != nil {
		_ = m.bar.Exit()
		_ = m.bar.Clear()
	}
}

// readProgress adds up the bytes read from several files, one after another.
type readProgress struct {
	mu           sync.Mutex
	before, last int64
}

// overall returns the bytes read from all files, given the offset in the current file. An offset smaller than the last one
// means that the next file has begun.
func (p *readProgress) overall(n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < p.last {
		p.before += p.last
	}
	p.last = n
	return p.before + n
}
