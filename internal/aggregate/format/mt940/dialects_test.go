// Tests of bank dialects, message boundaries, reports and truncated files.

package mt940_test

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// TestDialects reads forms from manuals of banks and from reports of their customers. Each is one day of one account:
// an opening balance of 100,00 and two entries give 110,00.
func TestDialects(t *testing.T) {
	t.Parallel()
	const account = ":20:A\n:25:NL91ABNA0417164300\n"
	const opened = account + ":28C:1/1\n:60F:C240101EUR100,00\n"
	const entries = ":61:2401020102C4,00NTRFNONREF//B1\n:86:x\n:61:2401020102C6,00NTRFNONREF//B2\n:86:y\n"
	const closed = ":62F:C240102EUR110,00\n"
	for name, text := range map[string]string{
		"ABN AMRO":             "ABNANL2A\n940\nABNANL2A\n" + opened + entries + closed + "-\n",
		"without a reference":  "ABNANL2A\n940\nABNANL2A\n" + opened[len(":20:A\n"):] + entries + closed + ":64:C240102EUR110,00\n:65:C240103EUR110,00\n-\n",
		"Sparkasse":            strings.Replace(opened, ":60F:", ":60M:", 1) + "-\n" + entries + closed + "-\n",
		"a hyphen in a text":   opened + strings.Replace(entries, ":86:x\n", ":86:x\n-\nz\n-\n", 1) + closed + "-\n",
		"the same in a block":  "{1:F01X}{2:O9401200}{4:\n" + opened + strings.Replace(entries, ":86:x\n", ":86:x\n-\nz\n", 1) + closed + "-}\n",
		"a block's end in it":  opened + strings.Replace(entries, ":86:x\n", ":86:x\n-}z\n", 1) + closed,
		"a block with no end":  "{1:F01X}{2:O9401200}{4:\n" + opened + entries + closed + "-\n",
		"colons in a text":     opened + strings.Replace(entries, ":86:x\n", ":86:x\n:z\n:Ref: 1\n- 2\n:99:3\n", 1) + closed,
		"lower case":           strings.ToLower(opened + entries + closed),
		"Polish IBAN":          strings.ReplaceAll(opened, ":25:", ":25:/") + entries + closed,
		"BIC and IBAN":         strings.ReplaceAll(opened, ":25:", ":25:ABNANL2A/") + entries + closed,
		"spaces around amount": opened + strings.ReplaceAll(strings.ReplaceAll(entries, "0102C", "0102CR "), ",00N", ",00 N") + closed,
		"spaces before tags":   strings.ReplaceAll(opened+entries+closed, "\n:", "\n :"),
		"a currency's letter":  opened + strings.ReplaceAll(entries, "0102C", "0102CR") + closed,
		"no entry date":        opened + strings.ReplaceAll(entries, "2401020102C", "240102C") + closed,
		"leading zeros":        strings.ReplaceAll(opened+entries+closed, "100,00", "000000000100,00"),
		"DOS":                  "\r\n" + strings.ReplaceAll(opened+entries+closed, "\n", "\r\n") + "-\x03\r\n\x1A",
		"another SWIFT system": "\x01{1:F01X}{2:I940X}{3:{108:1}}{4:\r\n" + strings.ReplaceAll(opened+entries+closed, "\n", "\r\n") + "-}{5:{CHK:1}{TNG:}}{S:{SPD:}}\x03   ",
		"acknowledgements": "{1:F21X}{4:{177:2401021200}{451:0}}{1:F01X}{2:O9401200}{4:\n" + opened + entries + closed + "-}{5:{CHK:1}}{1:F21X}{4:{177:2401021200}{451:0}}\n" +
			"{1:F21X}{4:{177:2401021200}{451:0}}\n",
		"videotex":           "@@" + strings.ReplaceAll(opened+strings.Replace(entries, ":86:x", ":86:x a@b.c", 1)+closed, "\n", "@@"),
		"two bytes a letter": "\xff\xfe" + strings.Join(strings.Split(opened+entries+closed, ""), "\x00") + "\x00",
		"three decimals":     strings.ReplaceAll(opened+entries+closed, ",00", ",000"),
		"no decimals":        strings.ReplaceAll(opened+entries+closed, ",00", ","),
	} {
		if !mt940.Recognise([]byte(text)) {
			t.Errorf("%s is not recognised", name)
		}
		s := readOne(t, name, text)
		if s == nil {
			continue
		}
		difference, balanced := closingDifference(t, s)
		if !balanced || difference.Sign() != 0 || len(s.Entries) != 2 || s.Fault != "" || s.Account != "NL91ABNA0417164300" || !s.IBAN || s.Currency != "EUR" {
			t.Errorf("%s: off by %s: %+v", name, &difference, s)
		}
		for i, e := range s.Entries {
			if e.Value != "2024-01-02" || e.Code != "NTRF" || e.Own != "" || !strings.HasPrefix(e.Text, "xy"[i:i+1]) {
				t.Errorf("%s: entry %d is %+v", name, i, e)
			}
		}
	}
}

// TestStatementsOfOneMessage checks that a header that is stated once applies to all statements of its message, but
// not to those of the next message.
func TestStatementsOfOneMessage(t *testing.T) {
	t.Parallel()
	const first = ":20:A\n:25:1\n:28C:7\n:60F:C240101EUR1,\n:61:240101C1,NTRF//NONREF\n:62F:C240101EUR2,\n"
	for _, c := range []struct{ name, text, want string }{
		{
			"another currency", first + ":60F:C240101USD5,\n:61:240101D5,NTRF\n:62F:C240101USD0,\n-\n",
			"mt940 1 A 7/ EUR OPBD=1 CLBD=2 1\nmt940 1 A 7/ USD OPBD=5 CLBD=0 -5\n",
		},
		{"an end is missing", ":20:B\n:25:1\n:60F:C240101EUR9,\n:61:240101C1,NTRF\n" + first + "-\n", "mt940 1 B / EUR OPBD=9 1 it opens with a balance, and ends before another closes it\nmt940 1 A 7/ EUR OPBD=1 CLBD=2 1\n"},
		{"another message", first + "-\n:60F:C240101USD5,\n-\n", "mt940 1 A 7/ EUR OPBD=1 CLBD=2 1\nmt940   / USD OPBD=5\n"},
		{
			"reports that end in hyphens", ":20:A\n:25:1\n:34F:EUR0,\n:61:240101C1,NTRF\n:86:x\n-\nABNANL2A\n:20:B\n:25:1\n:34F:EUR0,\n:61:240101C2,NTRF\n-\n",
			"mt942 1 A / EUR 1\nmt942 1 B / EUR 2\n",
		},
		{
			"the last without the end of a line", ":20:A\n:25:1\n:34F:EUR0,\n:61:240101C1,NTRF\n:86:x\n-\n:20:B\n:25:1\n:34F:EUR0,\n:61:240101C2,NTRF\n:86:y\n-",
			"mt942 1 A / EUR 1\nmt942 1 B / EUR 2\n",
		},
		{
			"a hyphen that nothing follows", first + ":20:B\n:25:1\n:60F:C240101EUR1,\n:61:240101C1,NTRF\n:86:x\n-\nthe bank's own\n",
			"mt940 1 A 7/ EUR OPBD=1 CLBD=2 1\nmt940 1 B / EUR OPBD=1 1\n",
		},
	} {
		if got := outline(t, c.text); got != c.want {
			t.Errorf("%s:\ngot\n%swant\n%s", c.name, got, c.want)
		}
	}
	if s := readOne(t, "NONREF", first); s != nil && s.Entries[0].Reference != "" {
		t.Errorf("NONREF is read as a reference: %+v", s.Entries[0])
	}
}

// TestOldLineEndsAcrossBuffers checks that line ends are found at the end of a buffer.
func TestOldLineEndsAcrossBuffers(t *testing.T) {
	t.Parallel()
	const entry = ":61:240102C1,NTRF@@:86:x@y@@"
	const entries = statement.Window/len(entry) + 2
	for pad := range len(entry) {
		s := readOne(t, "old ends", strings.Repeat(" ", pad)+"@@"+strings.ReplaceAll(head, "\n", "@@")+strings.Repeat(entry, entries)+"-@@")
		if s == nil || len(s.Entries) != entries {
			t.Fatalf("%d blanks before: %+v", pad, s)
		}
		for i, e := range s.Entries {
			if e.Amount != "1" || e.Text != "x@y" {
				t.Fatalf("%d blanks before: entry %d is %+v", pad, i, e)
			}
		}
	}
}

// TestTruncatedFilesAreNeverComplete checks that a truncated file is refused, or that each statement in it with an
// opening balance has a closing balance or a fault.
func TestTruncatedFilesAreNeverComplete(t *testing.T) {
	t.Parallel()
	const one = ":20:A\n:25:1\n:28C:7\n:60F:C240101EUR1,00\n:61:2401010101C1,00NTRFNONREF//B\nmore\n:86:166?20a\n?21b\n:62F:C240101EUR2,00\n:64:C240101EUR2,00\n"
	for name, text := range map[string]string{
		"one": one, "two": one + one, "hyphens": one + "-\n" + one + "-\n", "blocks": "{1:F01X}{2:O9401200}{4:\n" + one + "-}\n{1:F01X}{2:O9401200}{4:\n" + one + "-}",
		"returns": strings.ReplaceAll(one+"-\n"+one+"-\n", "\n", "\r\n"),
	} {
		whole := 0
		for n := range text {
			r := statementtest.NewRecorder(t)
			if err := statementtest.ReadChecked(t, []byte(text[:n]), mt940.Read, r); err != nil {
				continue
			}
			for i := range r.Statements {
				s := &r.Statements[i]
				difference, balanced := closingDifference(t, s)
				opens := len(s.Balances) > 0 && s.Balances[0].Code == statement.OpeningBooked
				if opens && s.Fault == "" && (!balanced || difference.Sign() != 0 && !strings.HasSuffix(text[:n], ",")) || i > 0 && !opens {
					t.Errorf("%s, cut at byte %d: %q is read as %+v", name, n, text[:n], s)
				}
				if balanced {
					whole++
				}
			}
		}
		if whole == 0 {
			t.Errorf("%s: nothing was read", name)
		}
	}
}

// TestReports checks how reports are recognised, and totals that exceed the listed entries.
func TestReports(t *testing.T) {
	t.Parallel()
	const report = ":20:A\n:25:1\n:34F:EURD5,\n:34F:EURC0,\n:13:2401011200\n:61:240101D10,NTRF\n:61:240101C1,NTRF\n:90D:3EUR12,\n:90C:1EUR1,\n-\n"
	for _, c := range []struct{ name, text, want string }{
		{"entries below the limit", report, "mt942 1 1"},
		{"no limit", strings.Replace(report, "D5,", "D0,", 1), "mt942 3 12 1 1"},
		{"all entries", strings.Replace(report, "3EUR12,", "1EUR10,", 1), "mt942 1 10 1 1"},
		{"fewer than are listed", strings.Replace(report, "3EUR12,", "1EUR9,", 1), "mt942 1 9 1 1"},
		{"more entries of less", strings.Replace(report, "3EUR12,", "3EUR9,", 1), "mt942 3 9 1 1"},
		{"what is not booked yet", ":20:STARTDISP\n:25:1\n:60F:C240101EUR1,\n:61:240101D10,NTRF\n:62F:D240101EUR9,\n-\n", "mt942"},
		{"after booked entries", ":20:STARTUMS\n:25:1\n:60F:C240101EUR1,\n:62F:C240101EUR1,\n-+@350@\n:20:STARTDISP\n:25:1\n:61:240101D10,NTRF\n-\n", "mt940 mt942"},
	} {
		r := statementtest.NewRecorder(t)
		err := statementtest.ReadChecked(t, []byte(c.text), mt940.Read, r)
		var got []string
		for i := range r.Statements {
			s := &r.Statements[i]
			got = append(got, s.Format, s.Stated.DebitCount, s.Stated.DebitSum, s.Stated.CreditCount, s.Stated.CreditSum)
		}
		if joined := strings.Join(strings.Fields(strings.Join(got, " ")), " "); err != nil || joined != c.want {
			t.Errorf("%s: %v: %s, want %s", c.name, err, joined, c.want)
		}
	}
}

// TestLongReferences reads references longer than SWIFT's 16 characters: both are kept completely.
func TestLongReferences(t *testing.T) {
	t.Parallel()
	s := readOne(t, "long references", ":20:X\n:25:NL91ABNA0417164300\n:28C:1/1\n:60F:C240303EUR100,00\n:61:2403040304DR20,NTRFABC-dvT1FzfMqvzF5HaU4oetlH7SGRkonU//2022070616391534000\n:86:rent\n:62F:C240304EUR80,00\n-\n")
	if e := s.Entries[0]; e.Own != "ABC-dvT1FzfMqvzF5HaU4oetlH7SGRkonU" || e.Reference != "2022070616391534000" || e.Amount != "-20" || e.Text != "rent" {
		t.Errorf("it is %+v", e)
	}
}
