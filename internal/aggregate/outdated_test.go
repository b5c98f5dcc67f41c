// Tests two versions of a statement that both balance, in every order with the next statement.

package aggregate

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/completeness"
)

// TestNextStatementDecides imports versions of a statement and the next statement in some orders, or all of them if SEEDS is set: the version
// counts that the next statement continues.
func TestNextStatementDecides(t *testing.T) {
	t.Parallel()
	was, is := sheetOf("1", 5, 1000, items(5, 100, 10)...), renamed(sheetOf("1", 5, 1000, items(5, 100, 12)...), "Corrected")
	more := renamed(sheetOf("1", 5, 1000, items(5, 100, 7, 5)...), "More")
	first, second := paged(is, 1)
	month, monthly := was, is
	month.from, month.opened, monthly.from, monthly.opened = day(1), day(1), day(1), day(1)
	unnumbered := func(s sheet) sheet { s.number = ""; return s }
	next, same := sheetOf("2", 6, 1112, items(6, 1)...), sheetOf("2", 6, 1110, items(6, 1)...)
	for _, c := range []struct {
		name  string
		files [][]sheet
		want  string // amounts
		state string
	}{
		{"with another entry", [][]sheet{{was}, {is}, {next}}, "1.00, 0.12, 0.01", "5 PROVEN, 6 PROVEN"},
		{"the first is right", [][]sheet{{was}, {is}, {same}}, "1.00, 0.10, 0.01", "5 PROVEN, 6 PROVEN"},
		{"with two entries for one: the first may have been made early", [][]sheet{{was}, {more}, {next}}, "1.00, 0.10, 0.07, 0.05, 0.01", "5 PROVEN, 5 BROKEN, 6 PROVEN"},
		{"in pages", [][]sheet{{was}, {first, second}, {next}}, "1.00, 0.12, 0.01", "5 PROVEN, 5 PROVEN, 6 PROVEN"},
		{"over days", [][]sheet{{month}, {monthly}, {next}}, "1.00, 0.12, 0.01", "1–5 PROVEN, 6 PROVEN"},
		{"without numbers", [][]sheet{{unnumbered(month)}, {unnumbered(monthly)}, {unnumbered(next)}}, "1.00, 0.12, 0.01", "1–5 PROVEN, 6 PROVEN"},
		{
			"a nearer one decides otherwise",
			[][]sheet{{was}, {is}, {sheetOf("3", 8, 1112, items(8, 1)...)}, {sheetOf("2", 6, 1110, items(6, 2)...)}},
			"1.00, 0.10, 0.02, 0.01",
			"5 PROVEN, 6 PROVEN, 8 PROVEN",
		},
		{"one without movement", [][]sheet{{renamed(sheetOf("1", 5, 1000, items(5, 5, -5)...), "Still")}, {was}, {same}}, "1.00, 0.10, 0.01", "5 PROVEN, 6 PROVEN"},
		{
			"another statement of the day",
			[][]sheet{{was}, {is}, {sheetOf("2", 5, 1112, items(5, 3)...)}, {sheetOf("3", 6, 1115, items(6, 1)...)}},
			"1.00, 0.12, 0.03, 0.01",
			"5 PROVEN, 5 PROVEN, 6 PROVEN",
		},
		{
			"the next one is corrected, too",
			[][]sheet{{was}, {is}, {same}, {renamed(sheetOf("2", 6, 1112, items(6, 1)...), "Corrected")}},
			"1.00, 0.10, 0.12, 0.01",
			"5 PROVEN, 5 BROKEN, 6 PROVEN, 6 BROKEN",
		},
		{"nothing decides", [][]sheet{{was}, {is}}, "1.00, 0.10, 0.12", "5 PROVEN, 5 BROKEN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, order := range someOrders(len(c.files)) {
				h := newFixture(t, "")
				for range 2 {
					for _, n := range order {
						h.send(detailed(camtOf(c.files[n]...)))
					}
				}
				var rows []string
				for _, m := range h.movements() {
					rows = append(rows, ""+strings.TrimSuffix(strings.Fields(m)[1], "000"))
				}
				want := strings.Split(c.want, ", ")
				slices.Sort(rows)
				slices.Sort(want)
				account := h.judged("")[0]
				if got := states(account.Intervals); got != c.state || !slices.Equal(rows, want) {
					t.Fatalf("order %v: %s with %q, want %s with %q: %+v", order, got, rows, c.state, want, account.Intervals)
				}
				expectCounting(t, h, order, account.Intervals)
				if decided := !strings.Contains(c.state, "BROKEN"); decided != (len(account.Superseded) == 1) {
					t.Fatalf("order %v: superseded are %+v", order, account.Superseded)
				}
			}
		})
	}
}

// detailed gives each entry of a CAMT file a transaction.
func detailed(camt string) string {
	const details = "<NtryDtls><TxDtls><AddtlTxInf>paid</AddtlTxInf></TxDtls></NtryDtls></Ntry>"
	return strings.ReplaceAll(camt, "</Ntry>", details)
}

// counting are the distinct rows of a stream that are not cancelled.
func (h *fixture) counting(stream, columns string) (rows []string) {
	taken := map[string]bool{}
	for _, id := range h.stored(stream, "takes_back") {
		taken[id] = true
	}
	for _, row := range h.stored(stream, "id, coalesce(takes_back, '-'), "+columns) {
		f := strings.SplitN(row, " ", 3)
		if f[1] == "-" && !taken[f[0]] {
			rows = append(rows, f[2])
		}
	}
	slices.Sort(rows)
	return slices.Compact(rows)
}

// expectCounting expects balances for the opening and closing ones of counting statements, details for the entries that
// count, and nothing else.
func expectCounting(t *testing.T, h *fixture, order []int, counting []completeness.Interval) {
	t.Helper()
	balances := map[string]bool{}
	for _, i := range counting {
		balances["opening "+i.Opening+"000"], balances["closing "+i.Closing+"000"] = true, true
	}
	if got, want := h.counting("balances", "position, amount"), slices.Sorted(maps.Keys(balances)); !slices.Equal(got, want) {
		t.Errorf("order %v: balances %q, want %q", order, got, want)
	}
	if got, want := h.counting("details", "entry"), h.counting("entries", "id"); !slices.Equal(got, want) {
		t.Errorf("order %v: details of %q, want %q", order, got, want)
	}
}

// TestDecisionIsRepeated has an original of a version that cannot be read when the next statement is imported; the
// cancelling is done once it can be read.
func TestDecisionIsRepeated(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.send(camtOf(sheetOf("1", 5, 1000, items(5, 100, 10)...)))
	h.send(camtOf(renamed(sheetOf("1", 5, 1000, items(5, 100, 12)...), "Corrected")))
	outdated := h.originalOf("11.10")
	if err := os.Rename(outdated, outdated+".away"); err != nil {
		t.Fatal(err)
	}
	next := h.file("next.xml", camtOf(sheetOf("2", 6, 1112, items(6, 1)...)))
	r, err := h.importer.Import(t.Context(), []string{next}, Options{})
	if err != nil || r.NotCancelled == "" || len(h.movements()) != 4 {
		t.Fatalf("%v: %+v with %q", err, r, h.movements())
	}
	if err := os.Rename(outdated+".away", outdated); err != nil {
		t.Fatal(err)
	}
	r, err = h.importer.Import(t.Context(), []string{next}, Options{})
	if rows := h.movements(); err != nil || r.Cancelled != 1 || len(rows) != 3 {
		t.Errorf("%v: %d taken back, and %q count", err, r.Cancelled, rows)
	}
}

// TestRestoreIsRepeated has an original that cannot be read when its entries must be restored; they are restored once it can be read.
func TestRestoreIsRepeated(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	h.send(camtOf(sheetOf("1", 5, 1000, items(5, 100, 10)...)))
	outdated := h.originalOf("11.10")
	h.send(camtOf(renamed(sheetOf("1", 5, 1000, items(5, 100, 12)...), "Corrected")), camtOf(sheetOf("2", 6, 1112, items(6, 1)...)))
	if err := os.Rename(outdated, outdated+".away"); err != nil {
		t.Fatal(err)
	}
	next := h.file("next.xml", camtOf(renamed(sheetOf("2", 6, 1110, items(6, 1)...), "Corrected")))
	r, err := h.importer.Import(t.Context(), []string{next}, Options{})
	if err != nil || !strings.Contains(r.NotCancelled, "does not count again") || len(h.movements()) != 3 {
		t.Fatalf("%v: %+v with %q", err, r, h.movements())
	}
	if err := os.Rename(outdated+".away", outdated); err != nil {
		t.Fatal(err)
	}
	r, err = h.importer.Import(t.Context(), []string{next}, Options{})
	if rows := h.movements(); err != nil || r.NotCancelled != "" || len(rows) != 4 {
		t.Errorf("%v: %q, and %q count", err, r.NotCancelled, rows)
	}
}

// originalOf is the path of the file whose statement has a closing balance.
func (h *fixture) originalOf(closing string) (path string) {
	for _, i := range h.judged("")[0].Intervals {
		if i.Closing == closing {
			path = filepath.Join(h.dir, "objects", filepath.FromSlash(i.Object))
		}
	}
	return path
}

// someFirst are up to two of n files, each to be the first or last one of an order; or all of them if SEEDS is set.
func someFirst(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return some(all, 2)
}

// TestNextStatementDecidesPages has versions whose pages are separate files, in orders in which one comes first or last.
func TestNextStatementDecidesPages(t *testing.T) {
	t.Parallel()
	// pages splits the entries into pages; a page that another version has too gets the same name.
	pages := func(name string, ends []int, amounts ...int64) (list []sheet) {
		rest := renamed(sheetOf("1", 5, 1000, items(5, amounts...)...), name)
		for n, end := range ends {
			var page sheet
			page, rest = paged(rest, end)
			page.page, page.last = fmt.Sprint(n+1), false
			list = append(list, page)
		}
		rest.page = fmt.Sprint(len(ends) + 1)
		return append(list, rest)
	}
	one := []int{1}
	was, is := pages("Was", one, 100, 10), pages("Is", one, 107, 10)
	three, again := pages("Three", []int{1, 1}, 10, 50, 3), pages("Again", []int{1, 1}, 10, 56, 3)
	whole := renamed(sheetOf("1", 5, 1000, items(5, 107, 10)...), "Whole")
	more := renamed(sheetOf("1", 5, 1000, items(5, 100, 10, 8)...), "More")
	wrong := renamed(sheetOf("1", 5, 1000, items(5, 100, 17)...), "Wrong")
	wrong.closing = 1110
	next := func(opening int64) sheet { return sheetOf("2", 6, opening, items(6, 1)...) }
	renext := make([]sheet, 2)
	renext[0], renext[1] = paged(sheetOf("2", 6, 1110, items(6, 7, 1)...), 1)
	for _, c := range []struct {
		name  string
		files []sheet
		want  []string
	}{
		{"the first page", append(slices.Concat(was, is), next(1117)), []string{"0.01", "0.10", "1.07"}},
		{"the first page, and it was right", append(slices.Concat(was, is), next(1110)), []string{"0.01", "0.10", "1.00"}},
		{"the whole in place of pages", append(slices.Clone(was), whole, next(1117)), []string{"0.01", "0.10", "1.07"}},
		{"pages in place of the whole", append(slices.Clone(was), more, next(1110)), []string{"0.01", "0.10", "1.00"}},
		{"pages in place of what does not hold", append(slices.Clone(was), wrong, next(1110)), []string{"0.01", "0.10", "1.00"}},
		{"the second of three pages", append(slices.Concat(three, again[1:]), next(1069)), []string{"0.01", "0.03", "0.10", "0.56"}},
		{"a page opens with what the version closed with", append(slices.Concat(pages("Was", one, 4, -1), pages("Is", one, 3, 3)), next(1006)), []string{"0.01", "0.03", "0.03"}},
		{"a page that moved nothing", append(slices.Concat(pages("Was", one, 10, 0), pages("Is", one, 10, 1)), next(1011)), []string{"0.01", "0.01", "0.10"}},
		{"a page of the next one opens with what a version closed with", slices.Concat(was, is, renext), []string{"0.01", "0.07", "0.10", "1.00"}},
		{"a version's first page alone", append(slices.Concat(was[:1], is), next(1117)), []string{"0.01", "0.10", "1.07"}},
	} {
		for name, render := range map[string]func(...sheet) string{"camt": camtOf, "mt940": mtOf} {
			for _, n := range someFirst(len(c.files)) {
				t.Run(fmt.Sprint(c.name, " ", name, " ", n), func(t *testing.T) {
					t.Parallel()
					order := slices.Concat(c.files[n:], c.files[:n])
					if (name == "camt") == (n%2 == 1) {
						slices.Reverse(order)
					}
					h := newFixture(t, "")
					for _, s := range order {
						h.send(render(s))
					}
					var rows []string
					for _, m := range h.movements() {
						rows = append(rows, strings.TrimSuffix(strings.Fields(m)[1], "000"))
					}
					slices.Sort(rows)
					account := h.judged("")[0]
					if got := states(account.Intervals); !slices.Equal(rows, c.want) || strings.Contains(got, "BROKEN") {
						t.Errorf("%s with %q, want %q: %+v", got, rows, c.want, account.Intervals)
					}
				})
			}
		}
	}
}

// TestNextStatementDecidesWhole has CAMT pages that state the balances of the whole: both on each page, or one at each end.
func TestNextStatementDecidesWhole(t *testing.T) {
	t.Parallel()
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		nextDecidesWhole(t, func(page string) string { return page }, func(page string) string { return page })
	})
	without := func(code string) func(page string) string {
		balance := regexp.MustCompile(`<Bal><Tp><CdOrPrtry><Cd>` + code + `</Cd>.*?</Bal>`)
		const days = `<FrToDt><FrDtTm>2024-03-05T00:00:00</FrDtTm><ToDtTm>2024-03-05T23:59:59</ToDtTm></FrToDt><Acct>`
		return func(page string) string {
			return strings.Replace(balance.ReplaceAllString(page, ""), "<Acct>", days, 1)
		}
	}
	t.Run("one at each end", func(t *testing.T) { t.Parallel(); nextDecidesWhole(t, without("CLBD"), without("OPBD")) })
}

// nextDecidesWhole derives the pages from those that state both balances.
func nextDecidesWhole(t *testing.T, one, other func(page string) string) {
	pages := func(name string, closing int64, n int, amounts ...int64) []string {
		whole := renamed(sheetOf("1", 5, 1000, items(5, amounts...)...), name)
		first, second := paged(whole, n)
		first.opening, first.closing, second.opening, second.closing = 1000, closing, 1000, closing
		own := strings.NewReplacer("ITBD", "CLBD")
		return []string{one(own.Replace(camtOf(first))), other(strings.Replace(camtOf(second), "ITBD", "OPBD", 1))}
	}
	was, is := pages("Was", 1020, 2, 10, 3, 7), pages("Is", 1021, 2, 11, 3, 7)
	next := func(opening int64) string { return camtOf(sheetOf("2", 6, opening, items(6, 1)...)) }
	for _, c := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"one version", append(slices.Clone(was), next(1020)), []string{"0.01", "0.03", "0.07", "0.10"}},
		{"sent again by another name", slices.Concat(was, pages("Again", 1020, 2, 10, 3, 7), []string{next(1020)}), []string{"0.01", "0.03", "0.07", "0.10"}},
		{"corrected", slices.Concat(was, is, []string{next(1021)}), []string{"0.01", "0.03", "0.07", "0.11"}},
		{"corrected, and it was right", slices.Concat(was, is, []string{next(1020)}), []string{"0.01", "0.03", "0.07", "0.10"}},
		{"in other pages", slices.Concat(was, pages("Is", 1021, 1, 11, 3, 7), []string{next(1021)}), []string{"0.01", "0.03", "0.07", "0.11"}},
		{"one did not hold", slices.Concat(pages("Was", 1025, 2, 10, 3, 7), was, []string{next(1020)}), []string{"0.01", "0.03", "0.07", "0.10"}},
	} {
		for _, n := range someFirst(len(c.files)) {
			t.Run(fmt.Sprint(c.name, " ", n), func(t *testing.T) {
				t.Parallel()
				order := slices.Concat(c.files[n:], c.files[:n])
				if n%2 == 1 {
					slices.Reverse(order)
				}
				h := newFixture(t, "")
				for _, text := range order {
					h.send(text)
				}
				var rows []string
				for _, m := range h.movements() {
					rows = append(rows, strings.TrimSuffix(strings.Fields(m)[1], "000"))
				}
				slices.Sort(rows)
				account := h.judged("")[0]
				if got := states(account.Intervals); !slices.Equal(rows, c.want) || strings.Contains(got, "BROKEN") || strings.Contains(got, "CLAIMED") {
					t.Errorf("%s with %q, want %q: %+v", got, rows, c.want, account.Intervals)
				}
			})
		}
	}
}

// TestUndecidedVersionsAreNamed has two versions of a statement in pages and no next statement: the BROKEN interval says so, and what to do.
func TestUndecidedVersionsAreNamed(t *testing.T) {
	t.Parallel()
	h := newFixture(t, "")
	for _, s := range []sheet{sheetOf("1", 5, 1000, items(5, 100, 10)...), renamed(sheetOf("1", 5, 1000, items(5, 107, 10)...), "Is")} {
		first, second := paged(s, 1)
		h.send(mtOf(first))
		h.send(mtOf(second))
	}
	const want = "of two versions of the statement from 2024-03-05 to 2024-03-05 one closes with 11.00 and the other with 11.07"
	intervals := h.judged("")[0].Intervals
	if !slices.ContainsFunc(intervals, func(i completeness.Interval) bool {
		return i.State == completeness.Broken && strings.Contains(i.Reason, want) && strings.Contains(i.Reason, "bursar retract statements FILE")
	}) {
		t.Errorf("the intervals are %+v", intervals)
	}
}
