// Rows of requests that a retry accepts, in streams that know their rows by content: they count as they would have when they came.

package live_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"bursar/internal/event/intake"
	"bursar/internal/event/live"
	"bursar/internal/fault"

	"github.com/klauspost/compress/zstd"
)

var contentYAML = strings.Replace(plainYAML, "id: id\n", "id: _content\n", 1)

// retryGifts declares gifts and retries the quarantine.
func (h *harness) retryGifts(want string) {
	h.T.Helper()
	h.Declare(strings.Replace(contentYAML, "refund]", "refund, gift]", 1))
	got, err := intake.Retry(h.T.Context(), h.Store, h.Stream, intake.Options{})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Expect(got, want)
}

// TestLiveReadsRetriesOnce: what came out of the quarantine of a retracted batch is read by the first batch of requests, not by each.
func TestLiveReadsRetriesOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t, contentYAML)
	h.Ingest("1 2 1 1 0", h.File("a.jsonl", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "2.00", "EUR")))
	h.retryGifts("2 1 1 0 0")
	h.RetractBatch("1 1", 1)
	plan := fault.NewPlan()
	h.Store.Objects = fault.Objects(h.Store.Objects, plan)
	l := h.StartLive(live.Options{MaxEvents: 1})
	var opened [2]int // by the first batch, and by all of them
	for n := range 3 {
		h.Accept(l, "", sale(fmt.Sprint(n), "sale", "1.00", "EUR"), "1 1 0 0")
		opened[min(n, 1)] = 0
		for call := range plan.Calls() {
			if strings.Contains(plan.Call(call+1), "batches/00000002/events") {
				opened[min(n, 1)]++
			}
		}
	}
	if opened[0] == 0 || opened[1] != opened[0] {
		t.Errorf("the events of the retry are opened %d times, %d of them by the first batch", opened[1], opened[0])
	}
}

func TestLiveRetryCountsContentsByRequest(t *testing.T) {
	t.Parallel()
	gift := sale("1", "gift", "1.00", "EUR")
	tests := map[string]struct {
		keys   []string // of the requests that bring the row, each in the same open batch
		bodies []string
		want   string
	}{
		"sent again":                     {[]string{"", ""}, []string{gift, gift}, "2 2 1 0 1"},
		"sent again with another key":    {[]string{"a", "b"}, []string{gift, gift}, "2 2 1 0 1"},
		"sent again without a key":       {[]string{"a", ""}, []string{gift, gift}, "2 2 1 0 1"},
		"twice in one request":           {[]string{""}, []string{gift + gift}, "2 2 2 0 0"},
		"overlapping":                    {[]string{"", "", ""}, []string{gift + gift, "{bad\n" + gift, gift + gift + gift}, "2 7 3 1 3"},
		"behind a row that was accepted": {[]string{"", ""}, []string{sale("0", "sale", "1.00", "EUR") + gift, gift}, "2 2 1 0 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, contentYAML)
			l := h.StartLive(live.Options{})
			for i, body := range tt.bodies {
				if _, err := l.Accept(t.Context(), live.Request{Key: tt.keys[i], Body: []byte(body)}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.RetryLive(l); err != nil { // all of them wait a second time
				t.Fatal(err)
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.retryGifts(tt.want)
			l = h.StartLive(live.Options{})
			for i, body := range tt.bodies {
				got, err := l.Accept(t.Context(), live.Request{Key: fmt.Sprint("again ", i), Body: []byte(body)})
				if err != nil || got.Accepted > 0 || got.Rows != int64(strings.Count(body, "\n")) {
					t.Errorf("sent once more: %+v, %v", got, err)
				}
			}
		})
	}
}

// TestRetryOfEarlierQuarantine: earlier versions did not keep where requests without a key begin. Their rows count within the
// batch's file; a row of another request between two rows shows that these came apart.
func TestRetryOfEarlierQuarantine(t *testing.T) {
	t.Parallel()
	gift, other := sale("1", "gift", "1.00", "EUR"), sale("2", "gift", "1.00", "EUR")
	h := newHarness(t, contentYAML)
	l := h.StartLive(live.Options{})
	h.Accept(l, "", gift+gift, "2 0 0 2")
	h.Accept(l, "key", other, "1 0 0 1")
	h.Accept(l, "", gift+other, "2 0 0 2")
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := h.Object(h.Batches()[0].Quarantine.Name)
	packed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	zip, _ := zstd.NewReader(nil)
	defer zip.Close()
	text, err := zip.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"request"`)) {
			line = regexp.MustCompile(`,"line":[0-9]+`).ReplaceAll(line, nil)
		}
		lines = append(lines, line)
	}
	out, _ := zstd.NewWriter(nil)
	if err := os.WriteFile(name, out.EncodeAll(bytes.Join(lines, nil), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	h.retryGifts("2 5 3 0 2")
}
