// Tests of warnings that are repeated, in virtual time.

package failure

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWarnings has two things happen every second for ten minutes.
func TestWarnings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w Warnings
		warned := map[string]int{}
		for range 600 {
			for _, name := range []string{"one", "two"} {
				if w.Pass(name) {
					warned[name]++
				}
			}
			<-time.After(time.Second)
		}
		if warned["one"] != 10 || warned["two"] != 10 {
			t.Errorf("warned %v times, want 10 of each", warned)
		}
	})
}
