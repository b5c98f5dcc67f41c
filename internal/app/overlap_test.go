// Exports of overlapping periods with entries that look alike, generated in every format: each entry counts once, whichever
// file is imported first and however the periods are split into statements.

package app

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"bursar/internal/aggregate"
	"bursar/internal/aggregate/completeness"
	"bursar/internal/project"
)

// booked are the amounts of an account in cents, by day of January 2025 from 1. Equal ones are different entries.
type booked [][]int64

const opened = 100_000 // cents, before the first day

func someBooked(random *rand.Rand, days int) booked {
	b := make(booked, days+1)
	for day := 1; day <= days; day++ {
		for range random.IntN(4) {
			amount := random.Int64N(20_000) - 10_000
			b[day] = append(b[day], amount)
			for random.IntN(3) == 0 { // an equal entry, without a reference that distinguishes them
				b[day] = append(b[day], amount)
			}
		}
	}
	return b
}

// at is the balance at the end of a day.
func (b booked) at(day int) int64 {
	balance := int64(opened)
	for _, amounts := range b[:day+1] {
		for _, a := range amounts {
			balance += a
		}
	}
	return balance
}

func (b booked) entries() (n int64) {
	for _, amounts := range b {
		n += int64(len(amounts))
	}
	return n
}

func cents(amount int64) string { return big.NewRat(amount, 100).FloatString(2) }

// credit splits an amount into sign and absolute value, as formats write them.
func credit(amount int64, plus, minus string) (sign, size string) {
	if amount < 0 {
		return minus, cents(-amount)
	}
	return plus, cents(amount)
}

// export writes the statements of a period, one for each of its days or one for all of them.
type export func(b booked, from, to int) string

func (b booked) camt(from, to int) string {
	var s strings.Builder
	balance := func(code string, day int, amount int64) {
		sign, size := credit(amount, "CRDT", "DBIT")
		fmt.Fprintf(&s, "<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Dt><Dt>2025-01-%02d</Dt></Dt></Bal>\n", code, size, sign, day)
	}
	fmt.Fprintf(&s, "<Stmt><Id>S-%d-%d</Id><CreDtTm>2025-01-%02dT20:00:00</CreDtTm><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>\n", from, to, to)
	balance("OPBD", from, b.at(from-1))
	balance("CLBD", to, b.at(to))
	for day := from; day <= to; day++ {
		for _, a := range b[day] {
			sign, size := credit(a, "CRDT", "DBIT")
			fmt.Fprintf(&s, "<Ntry><Amt Ccy=\"EUR\">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2025-01-%02d</Dt></BookgDt></Ntry>\n", size, sign, day)
		}
	}
	return s.String() + "</Stmt>\n"
}

func (b booked) mt940(from, to int) string {
	var s strings.Builder
	balance := func(tag string, day int, amount int64) {
		sign, size := credit(amount, "C", "D")
		fmt.Fprintf(&s, ":%s:%s2501%02dEUR%s\n", tag, sign, day, strings.ReplaceAll(size, ".", ","))
	}
	fmt.Fprintf(&s, ":20:STARTUMS\n:25:37040044/0532013000\n:28C:0/1\n")
	balance("60F", from, b.at(from-1))
	for day := from; day <= to; day++ {
		b.lines(&s, day, 0, len(b[day]))
	}
	balance("62F", to, b.at(to))
	return s.String() + "-\n"
}

// lines writes some of a day's entries in MT940.
func (b booked) lines(s *strings.Builder, day, first, end int) {
	for _, a := range b[day][first:end] {
		sign, size := credit(a, "C", "D")
		fmt.Fprintf(s, ":61:2501%02d01%02d%s%sNTRFNONREF\n:86:transfer\n", day, day, sign, strings.ReplaceAll(size, ".", ","))
	}
}

func (b booked) ofx(from, to int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "<STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>370400440<ACCTID>0532013000<ACCTTYPE>CHECKING</BANKACCTFROM>\n"+
		"<BANKTRANLIST><DTSTART>202501%02d<DTEND>202501%02d\n", from, to)
	for day := from; day <= to; day++ {
		for _, a := range b[day] {
			fmt.Fprintf(&s, "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>202501%02d<TRNAMT>%s<FITID>0<NAME>transfer</STMTTRN>\n", day, cents(a))
		}
	}
	fmt.Fprintf(&s, "</BANKTRANLIST><LEDGERBAL><BALAMT>%s<DTASOF>202501%02d</LEDGERBAL></STMTRS></STMTTRNRS>\n", cents(b.at(to)), to)
	return s.String()
}

// overlapping are the ways to write an export, by format: the text around the statements, and a statement.
var overlapping = map[string]struct {
	before, after string
	export        export
}{
	"CAMT": {
		"<?xml version=\"1.0\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>\n",
		"</BkToCstmrStmt></Document>\n", booked.camt,
	},
	"MT940": {"", "", booked.mt940},
	"OFX": {
		"OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20250116<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1>\n",
		"</BANKMSGSRSV1></OFX>\n", booked.ofx,
	},
}

// TestOverlappingExports imports exports of days 1 to 10, 6 to 15, 1 to 15 and some more in random order, each written as one
// statement or as one a day.
func TestOverlappingExports(t *testing.T) {
	t.Parallel()
	for name, format := range overlapping {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(retailSeed(t), 7))
			b := someBooked(random, 15)
			a := openExample(t, "statements")
			periods := [][2]int{{1, 10}, {6, 15}, {1, 15}, {1, 15}, {8, 8}, {1 + random.IntN(7), 8 + random.IntN(8)}}
			random.Shuffle(len(periods), func(i, k int) { periods[i], periods[k] = periods[k], periods[i] })
			for i, p := range periods {
				text := format.before
				if random.IntN(2) == 0 {
					text += format.export(b, p[0], p[1])
				} else {
					for day := p[0]; day <= p[1]; day++ {
						text += format.export(b, day, day)
					}
				}
				importText(t, a, fmt.Sprint(i), text+format.after)
				if random.IntN(3) == 0 {
					runAll(t, a, "days")
				}
			}
			checkBooked(t, a, b)
		})
	}
}

// importText imports one file, whose rows must all be accepted or duplicates.
func importText(t *testing.T, a *App, name, text string) {
	t.Helper()
	r, err := a.Import(t.Context(), []string{putFile(t, t.TempDir(), name, text)}, aggregate.Options{})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for stream, s := range r.Streams {
		if s.Quarantined > 0 {
			t.Errorf("%s: %d of %d rows are in quarantine", stream, s.Quarantined, s.Rows)
		}
	}
}

// checkBooked fails the test unless every entry was accepted once and each day's sum is right.
func checkBooked(t *testing.T, a *App, b booked) {
	t.Helper()
	if n := int64(len(eventsOf(t, a, project.EntryStream, "id"))); n != b.entries() {
		t.Errorf("%d entries are accepted, want %d", n, b.entries())
	}
	runAll(t, a, "days")
	days := map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(string(exportOf(t, a, "days")), "\n"), "\n") {
		var got struct {
			Key      []string
			Artifact struct{ Entered string }
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || len(got.Key) != 3 {
			t.Fatalf("%s: %v", line, err)
		}
		days[got.Key[2]] = got.Artifact.Entered
	}
	for day := 1; day < len(b); day++ {
		got := days[fmt.Sprintf("2025-01-%02d", day)]
		if want := b.at(day) - b.at(day-1); got == "" && len(b[day]) > 0 || got != "" && rational(got).Cmp(big.NewRat(want, 100)) != 0 {
			t.Errorf("day %d moved by %q, want %s", day, got, cents(want))
		}
	}
	checkProof(t, a, "days")
	_, err := a.Completeness(t.Context(), completeness.Query{}, func(account completeness.Account) error {
		for _, i := range account.Intervals {
			if i.State == completeness.Broken {
				t.Errorf("%s – %s is broken: %s", i.From, i.To, i.Reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPagesOfAStatement imports a statement of two pages with an equal entry on both, in one file and in one for each page, in
// either order and again: the entries of the pages are different ones.
func TestPagesOfAStatement(t *testing.T) {
	t.Parallel()
	b := booked{nil, {12_345, -100, 12_345, 12_345}}
	var one, two strings.Builder
	fmt.Fprint(&one, ":20:A\n:25:37040044/0532013000\n:28C:7/1\n:60F:C250101EUR1000,00\n")
	b.lines(&one, 1, 0, 2)
	fmt.Fprint(&one, ":62M:C250101EUR1122,45\n-\n")
	fmt.Fprint(&two, ":20:A\n:25:37040044/0532013000\n:28C:7/2\n:60M:C250101EUR1122,45\n")
	b.lines(&two, 1, 2, 4)
	fmt.Fprint(&two, ":62F:C250101EUR1369,35\n-\n")
	first, second := one.String(), two.String()
	for name, files := range map[string][]string{
		"one file":       {first + second},
		"two files":      {first, second},
		"the other way":  {second, first},
		"alone and both": {second, first + second, first},
		"both and alone": {first + second, first + "\n", second + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := openExample(t, "statements")
			for i, text := range files {
				importText(t, a, fmt.Sprint(i), text)
			}
			checkBooked(t, a, b)
		})
	}
}
