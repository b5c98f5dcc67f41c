// Warnings about what lasts: each is repeated once a minute, however often it is noticed.

package failure

import (
	"sync"
	"time"
)

// warnInterval is the time between two warnings about the same thing.
const warnInterval = time.Minute

// Warnings is when something was last warned of, by name. The zero value is ready for use, also by several goroutines.
type Warnings struct{ last sync.Map }

// Pass reports whether to warn of something now, and remembers that.
func (w *Warnings) Pass(name string) bool {
	now := time.Now()
	before, warned := w.last.LoadOrStore(name, now)
	at, _ := before.(time.Time)
	return !warned || now.Sub(at) >= warnInterval && w.last.CompareAndSwap(name, before, now)
}
