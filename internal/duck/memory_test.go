// Memory limits, parsed as DuckDB parses them.

package duck

import (
	"fmt"
	"testing"

	"bursar/internal/column"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1GB": 1e9, "512MB": 512e6, "1.5 GB": 1.5e9, "4gib": 4 << 30, "100KiB": 100 << 10, "2TB": 2e12, "many": 0, "": 0, "7": 0,
	} {
		if got := ParseMemory(text); got != want {
			t.Errorf("%s is %d bytes, want %d", text, got, want)
		}
	}
	for _, limit := range []string{"100MB", "1GiB"} {
		text := MemoryText(ParseMemory(limit))
		s, err := Open(Options{Memory: text})
		if err != nil {
			t.Fatal(err)
		}
		var took string
		err = s.Query(t.Context(), "SELECT current_setting('memory_limit')::VARCHAR", func(rows []column.Vector) error {
			took = string(rows[0].Text(0))
			return nil
		})
		s.Close()
		if want := map[string]string{"100MB": "95.3 MiB", "1GiB": "1.0 GiB"}[limit]; err != nil || took != want {
			t.Errorf("%s, written %s, is %s to DuckDB, want %s (%v)", limit, text, took, want, fmt.Sprint(err))
		}
	}
}
