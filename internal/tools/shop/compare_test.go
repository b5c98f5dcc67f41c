// Tests of the audit: an export that is right passes, and one that is wrong in anything is found out.
package shop

import (
	"bytes"
	"strings"
	"testing"
)

func TestCompareExportNamesTheFirstDifference(t *testing.T) {
	t.Parallel()
	dir, ledger := generate(t, Options{Seed: 21, Events: 1000, Batches: 3})
	right := strings.SplitAfter(strings.TrimSuffix(readNaively(t, dir, ledger).export().String(), "\n"), "\n")
	tests := map[string]struct {
		change func(lines []string) []string
		want   string
	}{
		"a changed cent": {func(l []string) []string { l[3] = nextCent(l[3], `"paid":"`); return l }, "line 4: order S"},
		"a changed balance": {func(l []string) []string {
			l[0] = strings.Replace(l[0], `"balance":"`, `"balance":"1`, 1)
			return l
		}, "balance is "},
		"a lost decimal": {func(l []string) []string {
			l[5] = strings.Replace(l[5], `"refunded":"0.00"`, `"refunded":"0.0"`, 1)
			return l
		}, `refunded is "0.0", ledger has "0.00"`},
		"a number for money": {func(l []string) []string {
			l[5] = strings.Replace(l[5], `"refunded":"0.00"`, `"refunded":0.00`, 1)
			return l
		}, `refunded is 0.00, ledger has "0.00"`},
		"a missing column": {func(l []string) []string {
			l[0] = strings.Replace(l[0], `"status"`, `"state"`, 1)
			return l
		}, "status is missing"},
		"another moment": {func(l []string) []string {
			l[0] = strings.Replace(l[0], `"first_at":"20`, `"first_at":"19`, 1)
			return l
		}, "first_at is"},
		"a missing order":    {func(l []string) []string { return append(l[:2], l[3:]...) }, "is missing"},
		"the last missing":   {func(l []string) []string { return l[:len(l)-1] }, "is missing"},
		"nothing":            {func([]string) []string { return nil }, "is missing"},
		"an order twice":     {func(l []string) []string { return append(l[:2], l[1:]...) }, "line 3: order S"},
		"another order":      {func(l []string) []string { return append([]string{unknownOrder(l[0])}, l...) }, "not in the ledger"},
		"another currency":   {func(l []string) []string { l[0] = strings.Replace(l[0], `"],"art`, `X"],"art`, 1); return l }, "not in the ledger"},
		"a key of one":       {func(l []string) []string { l[0] = `{"key":["S1"],"artifact":{}}` + "\n"; return l }, "is not an order and"},
		"a line cut short":   {func(l []string) []string { l[1] = l[1][:40] + "\n"; return l }, "line 2: read artifact"},
		"a line without end": {func(l []string) []string { return []string{strings.Repeat(" ", 1<<21)} }, "line 1: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := strings.Join(test.change(append([]string(nil), right...)), "")
			err := ledger.CompareExport(strings.NewReader(wrong))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// nextCent changes the last digit of the amount after a prefix.
func nextCent(line, prefix string) string {
	end := strings.Index(line, prefix) + len(prefix)
	end += strings.IndexByte(line[end:], '"') - 1
	return line[:end] + string('0'+(line[end]-'0'+1)%10) + line[end+1:]
}

// unknownOrder changes the digits of the order's number.
func unknownOrder(line string) string {
	return strings.Replace(line, `["S`, `["S9999999`, 1)
}

func FuzzCompareExport(f *testing.F) {
	ledger := newLedger(Options{Seed: 1, Events: 100, Orders: 2, Batches: 1})
	f.Add([]byte(`{"key":["S000000000","USD"],"artifact":{"events":0}}`))
	f.Add([]byte(`{"key":["` + ledger.OrderID(0) + `","USD"],"artifact":{"events":0,"first_at":""}}`))
	f.Add([]byte("{}\n\nnull"))
	f.Fuzz(func(t *testing.T, text []byte) {
		// Orders without events have no last type and no moments, so no export agrees with them.
		if ledger.CompareExport(bytes.NewReader(text)) == nil {
			t.Errorf("agrees with %q", text)
		}
	})
}
