// Tests statements that state only a closing balance, and gaps in the numbers of statements.

package aggregate

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// endOf is an OFX file of days of May 2024 with the ledger balance of a day.
func endOf(from, to, ledger, asOf string, entries ...string) string {
	text := strings.Replace(ofxOf(to, ledger, entries...), "DTSTART>20240503", "DTSTART>202405"+from, 1)
	return strings.Replace(text, "DTASOF>202405"+to, "DTASOF>202405"+asOf, 1)
}

// TestClosings judges statements that state only a closing balance.
func TestClosings(t *testing.T) {
	t.Parallel()
	first := endOf("03", "05", "70.00", "05", "03 -10.00 F1 a", "04 -20.00 F2 b")
	const missing = "the statement before closed with 70.00 on 2024-05-05, and the entries since of -15.00 make 55.00; by what it closes with it is 30.00: -25.00 is missing"
	for name, c := range map[string]struct {
		files  []string
		want   string
		reason string
	}{
		"holds":               {[]string{first, endOf("06", "09", "55.00", "09", "07 -15.00 F3 c")}, "3–5 CLAIMED, 6–9 CLAIMED", ""},
		"does not hold":       {[]string{first, endOf("06", "09", "30.00", "09", "07 -15.00 F3 c")}, "3–5 CLAIMED, 6–9 BROKEN", missing},
		"overlaps":            {[]string{first, endOf("04", "09", "55.00", "09", "04 -20.00 F2 b", "07 -15.00 F3 c")}, "3–5 CLAIMED, 4–9 CLAIMED", ""},
		"overlaps, wrong":     {[]string{first, endOf("04", "09", "30.00", "09", "04 -20.00 F2 b", "07 -15.00 F3 c")}, "3–5 CLAIMED, 4–9 BROKEN", missing},
		"made before the end": {[]string{first, endOf("03", "05", "65.00", "05", "03 -10.00 F1 a", "04 -20.00 F2 b", "05 -5.00 F3 c"), endOf("05", "09", "64.00", "09", "05 -5.00 F3 c", "06 -1.00 F4 d")}, "3–5 CLAIMED, 3–5 CLAIMED, 5–9 CLAIMED", ""},
		"of a later day":      {[]string{first, endOf("06", "09", "30.00", "10", "07 -15.00 F3 c")}, "3–5 CLAIMED, 6–9 CLAIMED", ""},
		"of an earlier day":   {[]string{first, endOf("06", "09", "30.00", "08", "07 -15.00 F3 c", "09 -1.00 F4 d")}, "3–5 CLAIMED, 6–9 CLAIMED", ""},
		"after a gap":         {[]string{first, endOf("07", "09", "30.00", "09", "07 -15.00 F3 c")}, "3–5 CLAIMED, 6 BROKEN, 7–9 CLAIMED", "no statement: 2024-05-05 closed with 70.00, 2024-05-07 opens with 45.00: -25.00 between them"},
		"after a quiet gap":   {[]string{first, endOf("07", "09", "55.00", "09", "07 -15.00 F3 c")}, "3–5 CLAIMED, 7–9 CLAIMED", ""},
		"no entries":          {[]string{endOf("03", "05", "70.00", "05"), endOf("06", "09", "60.00", "09")}, "3–5 CLAIMED, 6–9 BROKEN", "the statement before closed with 70.00 on 2024-05-05, and the entries since of 0.00 make 70.00; by what it closes with it is 60.00: -10.00 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t, "")
			for i := range c.files {
				h.send(c.files[len(c.files)-1-i])
			}
			intervals := h.judged("")[0].Intervals
			reason := ""
			for _, i := range intervals {
				if i.State == completeness.Broken {
					reason = i.Reason
				}
			}
			if got := sorted(intervals); got != c.want || reason != c.reason {
				t.Errorf("%s: %q, want %s: %q", got, reason, c.want, c.reason)
			}
		})
	}
}
