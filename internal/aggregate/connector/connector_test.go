// Tests of texts, amounts and windows.

package connector_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bursar/internal/aggregate/connector"
	"bursar/internal/failure"
	"bursar/internal/vault"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.50": "1.50", " -2 ": "-2", "+3": "3", ".5": "0.5", "1.5e2": "150", "-1.2e-3": "-0.0012", "1E+2": "100", "0e9": "0", "123e-5": "0.00123",
		"1e-6": "", "1e19": "", "1e100": "", "1,5": "", "": "", "NaN": "", "0x10": "", "1/3": "", "1e": "", "1.234567": "", "9999999999999999999": "",
	} {
		got, ok := connector.Amount(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, ok, want)
		}
	}
}

// FuzzAmount compares with exact fractions.
func FuzzAmount(f *testing.F) {
	for _, text := range []string{"1.5e2", "-0.1e-4", "12.34", "+.5", "1e99"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		amount, ok := connector.Amount(text)
		if !ok {
			return
		}
		want, known := new(big.Rat).SetString(strings.TrimSpace(text))
		got, plain := new(big.Rat).SetString(amount)
		if known && plain && got.Cmp(want) != 0 || strings.Trim(amount, "0123456789.-") != "" {
			t.Errorf("%q is %q", text, amount)
		}
	})
}

func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", " a\r\n\tb\x00c ": "a b c", "\xff\u202eevil": "evil", "12345678901": "1234567…", "1234567890": "1234567890", "ééééééé": "ééé…",
	} {
		if got := connector.Clean(text, 10); got != want || len(got) > 10 || !utf8.ValidString(got) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestWarn(t *testing.T) {
	t.Parallel()
	var c connector.Changes
	for n := range 30 {
		c.Warn(fmt.Sprint(strings.Repeat("x", 500), n%2))
		c.Warn(fmt.Sprint(n))
		c.Warn(" ")
	}
	if len(c.Warnings) != 20 || len(c.Warnings[0]) > 300 || c.Warnings[1] != "0" || c.Warnings[2] != "1" {
		t.Errorf("%d warnings: %q", len(c.Warnings), c.Warnings)
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, want, recent string }{
		{"2024-02-01", "0201-0210 0211-0220 0221-0301 0302-0305 ", "0201-0204 0205-0214 0215-0224 0225-0305 "},
		{"2024-02-25", "0225-0305 ", "0225-0305 "},
		{"2024-02-24", "0224-0304 0305-0305 ", "0224-0224 0225-0305 "},
		{"2024-03-05", "0305-0305 ", "0305-0305 "},
		{"2025-01-01", "0305-0305 ", "0305-0305 "},
		{"", "0305-0305 ", "0305-0305 "},
	} {
		r := connector.Request{Today: day("2024-03-05").Add(20 * time.Hour)}
		if c.from != "" {
			r.From = day(c.from).Add(3 * time.Hour)
		}
		if got := write(r.Windows(10)); got != c.want {
			t.Errorf("from %s: %s", c.from, got)
		}
		if got := write(r.RecentWindows(10)); got != c.recent {
			t.Errorf("from %s, recent: %s", c.from, got)
		}
	}
}

func write(windows []connector.Window) (text string) {
	for _, w := range windows {
		text += w.From.Format("0102") + "-" + w.To.Format("0102") + " "
	}
	return text
}

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestLogin(t *testing.T) {
	t.Parallel()
	l := connector.Login{
		Settings:    map[string]string{"days": "7", "many": "1000", "word": "x", "url": "u"},
		Credentials: map[string]vault.Secret{"password": vault.NewSecret("p"), "empty": vault.NewSecret("")},
	}
	if c, err := l.Credential("password"); err != nil || c.Reveal() != "p" {
		t.Errorf("%v", err)
	}
	if n, err := l.Number("days", 1, 100); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := l.Number("none", 5, 100); err != nil || n != 5 {
		t.Errorf("%d, %v", n, err)
	}
	if s, err := l.Required("url"); err != nil || s != "u" {
		t.Errorf("%s, %v", s, err)
	}
	_, empty := l.Credential("empty")
	_, missing := l.Required("none")
	_, many := l.Number("many", 1, 100)
	_, word := l.Number("word", 1, 100)
	for name, err := range map[string]error{"empty": empty, "none": missing, "many": many, "word": word} {
		if failure.Of(err) != failure.Data || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
