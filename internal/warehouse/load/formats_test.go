// Tests of formats and compression, and of large objects.

package load_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"bursar/internal/warehouse/load"
)

const formatYAML = `load: events
from: in/
format: jsonl
columns:
  n: {type: bigint}
rest: properties
strategy: manifest
`

func TestFormats(t *testing.T) {
	t.Parallel()
	pack := func(text string) string {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return b.String()
	}
	for _, c := range []struct {
		format string
		write  func(h *harness)
		rest   string
	}{
		{"jsonl", func(h *harness) { h.File("in/a.jsonl.gz", `{"n":0,"text":"text 0"}`, `{"n":1,"text":"text 1"}`) }, `{"text":"text 1"}`},
		{"jsonl", func(h *harness) { h.File("in/a.jsonl", `[{"n":0,"text":"text 0"},`, `{"n":1,"text":"text 1"}]`) }, `{"text":"text 1"}`},
		{"json", func(h *harness) {
			h.raw("in/a.json.zst", pack("{\"n\":0,\n\"text\":\"text 0\"}{\"n\":1,\n\"text\":\"text 1\"}"))
		}, `{"text":"text 1"}`},
		{"csv", func(h *harness) { h.raw("in/a.csv.zst", pack("text,n\ntext 0,0\ntext 1,1\n")) }, `{"text":"text 1"}`},
		{"parquet", func(h *harness) { h.Parquet("in/a.parquet", 2) }, `{"text":"text 1"}`},
	} {
		t.Run(c.format, func(t *testing.T) {
			t.Parallel()
			onEach(t, formatYAML, func(h *harness) {
				h.YAML = strings.Replace(h.YAML, "jsonl", c.format, 1)
				c.write(h)
				h.Load("1 2 0 0")
				got := h.Rows("SELECT n, properties FROM events ORDER BY n")
				if want := "1|" + c.rest; len(got) != 2 || strings.ReplaceAll(got[1], ": ", ":") != want {
					h.Errorf("the rows are %q, want %s", got, want)
				}
				h.Want("SELECT count(*) FROM bursar_load_objects WHERE length(digest) = 32", "1")
				h.Load("0 0 0 1")
			})
		})
	}
}

// raw writes an object byte by byte.
func (h *harness) raw(name, text string) {
	h.Helper()
	h.File(name)
	if err := os.WriteFile(filepath.Join(h.Dir, name), []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// TestWrongFormat says what an object is.
func TestWrongFormat(t *testing.T) {
	t.Parallel()
	onEach(t, formatYAML, func(h *harness) {
		h.raw("in/a.jsonl", "\x1f\x8b\x08 compressed")
		h.Fails("load events: object a.jsonl: row 1: the file is compressed with gzip: name it .gz")
		h.raw("in/a.jsonl", "PAR1")
		h.Fails("the file is Parquet: declare format parquet")
		h.raw("in/a.jsonl", "")
		h.Load("1 0 0 0")
	})
}

// TestLargeObject is parsed by several goroutines. Rows are in order, with their lines.
func TestLargeObject(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	const rows = 120_000
	for i := range rows {
		fmt.Fprintf(&text, `{"n":%d,"text":%q}`+"\n", i, strings.Repeat("x", i%200))
	}
	onEach(t, formatYAML, func(h *harness) {
		h.raw("in/a.jsonl", text.String())
		h.File("in/b.jsonl", `{"n":-1}`)
		var last load.Progress
		r, err := h.Run(load.Options{Progress: func(p load.Progress) {
			h.mu.Lock()
			defer h.mu.Unlock()
			last.Read, last.Total = max(last.Read, p.Read), p.Total
		}})
		if err != nil || counts(&r) != fmt.Sprintf("2 %d 0 0", rows+1) {
			h.Fatalf("the result is %+v (%v)", r, err)
		}
		if last.Total != int64(text.Len())+9 || last.Read != last.Total || r.Bytes != last.Total {
			h.Errorf("read %d of %d bytes", last.Read, last.Total)
		}
		h.Want("SELECT count(*), CAST(sum(n) AS BIGINT) FROM events WHERE _object = 'a.jsonl' AND _line = n + 1", fmt.Sprintf("%d|%d", rows, rows*(rows-1)/2))
	})
}
