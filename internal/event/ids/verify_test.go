// Verifying a dedupe index while its stream takes events in.

package ids_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"bursar/internal/event/ids"
	"bursar/internal/event/intake"
	"bursar/internal/object"
)

// busyObjects are objects of a stream that seals a batch whenever one is opened.
type busyObjects struct {
	object.Local
	seal func()
}

func (o *busyObjects) Open(ctx context.Context, name string) (object.Reader, error) {
	o.seal()
	return o.Local.Open(ctx, name)
}

func (o *busyObjects) Files() object.Files {
	o.seal()
	return o.Local.Files()
}

// A fault is found however busy the stream is, and a stream that is only busy has none.
func TestVerifyBusyIndex(t *testing.T) {
	t.Parallel()
	for _, damaged := range []bool{false, true} {
		h := newHarness(t, plainYAML)
		h.Ingest("1 3 3 0 0", h.File("a.jsonl", sales(0, 3)))
		h.Ingest("2 3 3 0 0", h.File("b.jsonl", sales(3, 3)))
		if damaged {
			stray := h.Object("streams/sales/batches/00000099/ids")
			if err := os.MkdirAll(strings.TrimSuffix(stray, "/ids"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(stray, []byte("stray"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		quiet := *h.Store
		batches := 2
		h.Store.Objects = &busyObjects{quiet.Objects, func() {
			if batches++; batches > 40 {
				cancel()
				return
			}
			path := h.File(fmt.Sprintf("more-%d.jsonl", batches), sales(3*batches, 3))
			if _, err := intake.Ingest(t.Context(), &quiet, h.Stream, []string{path}, intake.Options{}); err != nil {
				t.Error(err)
			}
		}}
		err := ids.Verify(ctx, h.Store, h.Stream)
		if batches == 2 || ctx.Err() != nil {
			t.Fatalf("%d batches were sealed meanwhile: %v", batches-2, err)
		}
		if damaged {
			expectNeedsRepair(t, "a busy stream", err)
		} else if err != nil {
			t.Error(err)
		}
	}
}
