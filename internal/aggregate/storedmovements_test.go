// Tests overlapping exports, and statements that were made before their day had ended.

package aggregate

import (
	"fmt"
	"strings"
	"testing"
)

// TestOverlappingExports has exports of an account that overlap, or were made before a day had ended, in any order: if
// the entries add up, none of them is wrong. "5-6:10 5+1" covers days 5 to 6, opens with 10 and lists 1 on day 5.
func TestOverlappingExports(t *testing.T) {
	t.Parallel()
	export := func(text string) sheet {
		var s sheet
		var from, to int
		var opening int64
		head, entries, _ := strings.Cut(text, " ")
		if _, err := fmt.Sscanf(head, "%d-%d:%d", &from, &to, &opening); err != nil {
			t.Fatal(err)
		}
		var items []item
		for _, e := range strings.Fields(entries) {
			var on int
			var moved int64
			if _, err := fmt.Sscanf(e, "%d+%d", &on, &moved); err != nil {
				t.Fatal(err)
			}
			items = append(items, item{day: day(on), cents: moved, reference: e})
		}
		s = sheetOf("1", to, opening, items...)
		s.account, s.name, s.from, s.to, s.opened = "A1", text, day(from), day(to), day(from)
		return s
	}
	for name, c := range map[string]struct {
		exports []string
		want    string
	}{
		"a day in common":         {[]string{"5-6:10 5+1 6+2", "6-7:11 6+2 7+3"}, "5–6 PROVEN, 6–7 PROVEN"},
		"days in common":          {[]string{"4-6:10 5+1 6+2", "5-7:10 5+1 6+2 7+3", "7-8:13 7+3 8+4"}, "4–6 PROVEN, 5–7 PROVEN, 7–8 PROVEN"},
		"a day that went on":      {[]string{"5-5:10 5+1", "5-5:10 5+1 5+2", "6-6:13 6+4"}, "5 PROVEN, 5 PROVEN, 6 PROVEN"},
		"it went on twice":        {[]string{"5-5:10 5+1", "5-5:10 5+1 5+2", "5-5:10 5+1 5+2 5+7", "6-6:20 6+4"}, "5 PROVEN, 5 PROVEN, 5 PROVEN, 6 PROVEN"},
		"days, the last went on":  {[]string{"4-6:10 5+1 6+2", "6-7:11 6+2 6+3 7+4"}, "4–6 PROVEN, 6–7 PROVEN"},
		"both end when it did":    {[]string{"4-6:10 5+1 6+2", "5-6:10 5+1 6+2 6+3", "7-7:16 7+1"}, "4–6 PROVEN, 5–6 PROVEN, 7 PROVEN"},
		"another opening":         {[]string{"5-6:10 5+1 6+2", "6-7:12 6+2 7+3"}, "5–6 PROVEN, 6–7 BROKEN"},
		"another amount":          {[]string{"5-5:10 5+1", "5-5:10 5+2 5+3"}, "5 BROKEN, 5 PROVEN"},
		"an entry left out later": {[]string{"5-6:10 5+1 6+2", "6-7:11 7+3"}, "5–6 PROVEN, 5–7 BROKEN, 6–7 PROVEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, order := range []int{1, -1} {
				h := newFixture(t, "")
				texts := make([]string, len(c.exports))
				for i := range c.exports {
					at := i
					if order < 0 {
						at = len(texts) - 1 - i
					}
					texts[at] = camtOf(export(c.exports[i]))
				}
				h.send(texts...)
				if got, want := sorted(h.judged("")[0].Intervals), c.want; got != want {
					t.Errorf("%s, want %s: %+v", got, want, h.judged("")[0].Intervals)
				}
			}
		})
	}
}

// TestEarlyOnADayWithoutMovement has an early statement and that of the whole day, which ends with its opening balance.
func TestEarlyOnADayWithoutMovement(t *testing.T) {
	t.Parallel()
	early := sheet{account: "A1", from: day(3), to: day(3), opened: day(3), number: "1", name: "e", opening: 1000, closing: 1500, entries: []item{{day(3), 500, "R1"}}}
	whole := early
	whole.name, whole.number, whole.closing, whole.entries = "w", "2", 1000, []item{{day(3), 500, "R1"}, {day(3), -500, "R2"}}
	next := sheet{account: "A1", from: day(4), to: day(4), opened: day(4), number: "3", name: "n", opening: 1000, closing: 1000}
	for order := range permutations(3) {
		h := newFixture(t, "")
		for _, n := range order {
			h.send(camtOf([]sheet{early, whole, next}[n]))
		}
		if a := h.judged(""); states(a[0].Intervals) != "3 PROVEN, 3 PROVEN, 4 PROVEN" {
			t.Errorf("order %v: %s: %+v", order, states(a[0].Intervals), a)
		}
	}
}

// TestDayWithoutMovementInPages sends a day that ends with its opening balance, whole and in pages, in any order.
func TestDayWithoutMovementInPages(t *testing.T) {
	t.Parallel()
	for a := byte('A'); a < 'E'; a++ {
		day4 := sheetOf("4", 4, 1000, item{day: day(4), cents: 7, reference: "X"})
		whole := sheetOf("5", 5, 1007, item{day: day(5), cents: 50, reference: string(a)}, item{day: day(5), cents: -50, reference: string(a + 1)})
		after := sheetOf("6", 6, 1007, item{day: day(6), cents: 3, reference: "Z"})
		first, second := paged(whole, 1)
		texts := []string{mtOf(day4, whole, after), mtOf(day4, first, second, after)}
		for i, order := range ordersOf(texts) {
			for _, together := range []bool{false, true} {
				t.Run(fmt.Sprintf("%c %d %v", a, i, together), func(t *testing.T) {
					t.Parallel()
					h := newFixture(t, "")
					if together {
						h.send(order...)
					} else {
						for _, text := range order {
							h.send(text)
						}
					}
					if got := states(h.judged("")[0].Intervals); strings.Contains(got, "BROKEN") {
						t.Errorf("%s: %+v", got, h.judged("")[0].Intervals)
					}
				})
			}
		}
	}
}
