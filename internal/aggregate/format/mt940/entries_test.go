// Tests of entry lines, details, character sets, dates and decimal marks.

package mt940_test

import (
	"strings"
	"testing"

	"bursar/internal/aggregate/format/mt940"
	"bursar/internal/aggregate/format/statement/statementtest"
)

const head = ":20:A\n:25:1\n:28C:1/1\n:60F:C240101EUR0,00\n"

// renderEntry writes an entry as the tables do: value, booked, amount, status, reversal, code, own and bank
// reference, text.
func renderEntry(e *statementtest.Entry) string {
	reversal := ""
	if e.Reversal {
		reversal = "R"
	}
	return strings.Join([]string{e.Value, e.Booked, e.Amount, e.Status, reversal, e.Code, e.Own, e.Reference, e.Text}, "|")
}

func TestEntryLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"plain", ":61:2401020103C12,50NTRFOWN//BANK\nmore\n:86:text", "2024-01-02|2024-01-03|12.50|||NTRF|OWN|BANK|text more"},
		{"no entry date", ":61:240102D12,NTRFNONREF", "2024-01-02||-12|||NTRF|||"},
		{"spaces for an entry date", ":61:240102    DD212,39NMSCNONREF//\nX", "2024-01-02||-212.39|||NMSC|||X"},
		{"zeros for an entry date", ":61:2401020000D1,NTRF", "2024-01-02||-1|||NTRF|||"},
		{"booked the year after", ":61:2312310102C1,NTRF", "2023-12-31|2024-01-02|1|||NTRF|||"},
		{"booked the year before", ":61:2401011231C1,NTRF", "2024-01-01|2023-12-31|1|||NTRF|||"},
		{"the last century", ":61:9912310101C1,NTRF", "1999-12-31|2000-01-01|1|||NTRF|||"},
		{"30 February", ":61:2302300301D1,NTRF", "2023-02-28|2023-03-01|-1|||NTRF|||"},
		{"29 February of a year without", ":61:230229D1,NTRF", "2023-02-28||-1|||NTRF|||"},
		{"no day", ":61:2402310301D1,NTRF", "240231|0301|-1|||NTRF|||"},
		{"no entry day", ":61:2402281301D1,NTRF", "2024-02-28|1301|-1|||NTRF|||"},
		{"a credit reversed", ":61:240102RC5,00NTRF", "2024-01-02||-5.00||R|NTRF|||"},
		{"a debit reversed", ":61:240102RD5,00NTRF", "2024-01-02||5.00||R|NTRF|||"},
		{"a debit reversed, funds", ":61:240102RDR5,00NTRF", "2024-01-02||5.00||R|NTRF|||"},
		{"credit, funds", ":61:240102CR5,00NTRF", "2024-01-02||5.00|||NTRF|||"},
		{"expected credit", ":61:240102EC5,00NTRF", "2024-01-02||5.00|PDNG||NTRF|||"},
		{"expected debit", ":61:240102ED5,00NTRF", "2024-01-02||-5.00|PDNG||NTRF|||"},
		{"fifteen digits", ":61:240102C999999999999999,99NTRF", "2024-01-02||999999999999999.99|||NTRF|||"},
		{"zeros", ":61:240102D000000000000,00NTRF", "2024-01-02||0.00|||NTRF|||"},
		{"no comma", ":61:240102D500NTRF", "2024-01-02||-500|||NTRF|||"},
		{"no type", ":61:2011301130CN220,00//19239782213\nmore", "2020-11-30|2020-11-30|220.00|||||19239782213|more"},
		{"no type, and a blank", ":61:240102D20,50 //B1", "2024-01-02||-20.50|||||B1|"},
		{"no type, and a short amount", ":61:240102D20//B1", "2024-01-02||-20|||||B1|"},
		{"no type, in small letters", ":61:240102c20,//b1x", "2024-01-02||20|||||b1x|"},
		{"no type and no reference", ":61:240102RC20,//", "2024-01-02||-20||R||||"},
		{"a type of spaces", ":61:240102D1,00S   X", "2024-01-02||-1.00|||S|X||"},
		{"a short type", ":61:240102D1,00N", "2024-01-02||-1.00|||N|||"},
		{"another bank's type", ":61:240102D0,42MCI0NONREF", "2024-01-02||-0.42|||MCI0|||"},
		{"a letter for a digit", ":61:240102D1O0,00NTRF", "||:61:240102D1O0,00NTRF||||||"},
		{"letters for decimals", ":61:240102D5,OONTRF", "||:61:240102D5,OONTRF||||||"},
		{"a letter for the last digit", ":61:240102D7,5ONTRF", "||:61:240102D7,5ONTRF||||||"},
		{"S for 5", ":61:240102D7,S0NTRF", "||:61:240102D7,S0NTRF||||||"},
		{"a letter within", ":61:240102D15X,10NTRF", "||:61:240102D15X,10NTRF||||||"},
		{"N for a digit", ":61:240102D15N100,10NTRF", "||:61:240102D15N100,10NTRF||||||"},
		{"F for a digit", ":61:240102D1F500,00NTRF", "||:61:240102D1F500,00NTRF||||||"},
		{"S for a digit", ":61:240102D7S555,00NTRF", "||:61:240102D7S555,00NTRF||||||"},
		{"no comma, and a number for a type", ":61:240102D500S103REF", "2024-01-02||-500|||S103|REF||"},
		{"the type's letter within", ":61:240102D15N,10NTRF", "||:61:240102D15N,10NTRF||||||"},
		{"slashes in references", ":61:240102C1,NMSC341/1X//O/34", "2024-01-02||1|||NMSC|341/1X|O/34|"},
		{"broken before the amount", ":61:240102CR\n30,00N062NONREF", "2024-01-02||30.00|||N062|||"},
		{"broken within the amount", ":61:240102CR3\n0,00N062OWN\nmore", "2024-01-02||30.00|||N062|OWN||more"},
		{"broken within the tag", ":\n61:240102C1,00NTRF\n:8\n6:text", "2024-01-02||1.00|||NTRF|||text"},
		{"wrapped after the tag", ":61:\n240102C1,00NTRF", "2024-01-02||1.00|||NTRF|||"},
		{"a time that looks like a tag", ":61:240102C1,00NTRF\n:86:AT 2024-01-02T16\n:20:37 OK", "2024-01-02||1.00|||NTRF|||AT 2024-01-02T16 :20:37 OK"},
		{"an unknown tag in a text", ":61:240102C1,00NTRF\n:86:a\n:72:b", "2024-01-02||1.00|||NTRF|||a :72:b"},
		{"two texts", ":61:240102C1,00NTRF\n:86:a\n:86:b", "2024-01-02||1.00|||NTRF|||a b"},
	} {
		for _, end := range []string{"\n", "\r\n", "\r"} {
			opens := strings.Replace(head, "240101", strings.TrimSpace(strings.ReplaceAll(c.text, "\n", ""))[4:10], 1)
			s := readOne(t, c.name, strings.ReplaceAll(opens+c.text+"\n:62F:C240101EUR0,00\n", "\n", end))
			if s == nil || len(s.Entries) != 1 {
				t.Errorf("%s: %+v", c.name, s)
				continue
			}
			if got := renderEntry(&s.Entries[0]); got != c.want {
				t.Errorf("%s, lines that end in %q:\ngot  %s\nwant %s", c.name, end, got, c.want)
			}
		}
	}
}

// TestUnreadableEntriesKeepTheirText checks that an entry that cannot be read is reported as written, and never with
// a number.
func TestUnreadableEntriesKeepTheirText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "123", "240102", "240102C", "240102CR", "240102C12", "240102C12,0", "240102C12,00", "240102C,NTRF", "240102CNTRF",
		"240102C1.234,00NTRF", "240102C1,2,3NTRF", "240102C-12,00NTRF", "240102C12.50NTRF", "240102X12,50NTRF", "24010C12,00NTRF",
		"2401020C12,00NTRF", "240102C1 000,00NTRF", "240102C1,234567NTRF", "240102C1234567890123456789,00NTRF",
		"240102C１,00NTRF", "240102C1\x002,00NTRF", "240102R12,00NTRF", "240102C12,00\n911TRANSFER", "240102C12,00\n5NTRF",
	} {
		s := readOne(t, text, head+":61:"+text+"\n:86:text\n:62F:C240101EUR0,00\n")
		if s == nil || len(s.Entries) != 1 {
			t.Errorf("%q: %+v", text, s)
			continue
		}
		e := s.Entries[0]
		if !strings.HasPrefix(e.Amount, ":61:") || e.Text != "text" {
			t.Errorf("%q: amount %q, text %q", text, e.Amount, e.Text)
		}
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("x", 65)
	for _, c := range []struct{ name, text, want, party, peer string }{
		{"free text", ":86:one\n two ", "one two", "", ""},
		{"a full line", ":86:" + full + "\ny\nz", full + "y z", "", ""},
		{
			"subfields", ":86:166?00GUTSCHRIFT?109310?20EREF+1?21SVWZ+Rech\nnung 7?22 von Mai?30BANK?31 DE1 ?32Erika?33 Muster?34992",
			"GUTSCHRIFT EREF+1 SVWZ+Rechnung 7 von Mai", "Erika Muster", "DE1",
		},
		{"subfields without a code", ":86:?20a?21b", "ab", "", ""},
		{"subfields with another mark", ":86:020<00PRZELEW<20za<21 maj<32JAN<38PL61", "PRZELEW za maj", "JAN", "PL61"},
		{"and another", ":86:020^00PRZELEW^20za maj", "PRZELEW za maj", "", ""},
		{"and another", ":86:020~00PRZELEW~20za maj", "PRZELEW za maj", "", ""},
		{"more purpose", ":86:166?20" + full[:27] + "?60y?61z", full[:27] + "yz", "", ""},
		{"something else after the purpose", ":86:166?20x?60y", "x y", "", ""},
		{"a mark that is text", ":86:166?20why?5 or ?x ?", "why?5 or ?x ?", "", ""},
		{"a subfield of no meaning", ":86:166?00A?20one?45two?99three?21 four?32Erika", "A one four two three", "Erika", ""},
		{"after the last part of the purpose", ":86:106?20SVWZ+SHOP//US?24 04-03-2024T03:46?25nr. 1?70x", "SVWZ+SHOP//US 04-03-2024T03:46nr. 1 x", "", ""},
		{
			"codes between slashes", ":86:/TRTP/SEPA/IBAN/NL91ABNA0417164300/NAME/A/B JANSEN/REMI/for/NAME/x/EREF/E1",
			"/TRTP/SEPA/IBAN/NL91ABNA0417164300/NAME/A/B JANSEN/REMI/for/NAME/x/EREF/E1", "A/B JANSEN", "NL91ABNA0417164300",
		},
		{
			"account and name in one", ":86:/EREF/E1//CNTP/NL32INGB0000012345/INGBNL2A/B BV/TOWN//REMI/USTD//x/",
			"/EREF/E1//CNTP/NL32INGB0000012345/INGBNL2A/B BV/TOWN//REMI/USTD//x/", "B BV", "NL32INGB0000012345",
		},
		{"numbered lines", ":NS:01one\n02two\n15Erika\n16 M\n17GUTSCHRIFT\n340012\n99", "GUTSCHRIFT one two", "ErikaM", "0012"},
		{"a text without a letter of ASCII", ":86:166?20é?21ü?", "éü?", "", ""},
	} {
		s := readOne(t, c.name, head+":61:240102C1,00NTRF\n"+c.text+"\n:62F:C240101EUR0,00\n")
		if s == nil || len(s.Entries) != 1 {
			t.Errorf("%s: %+v", c.name, s)
			continue
		}
		if e := s.Entries[0]; e.Text != c.want || e.Party != c.party || e.Peer != c.peer {
			t.Errorf("%s:\ntext  %q\nwant  %q\nparty %q, peer %q", c.name, e.Text, c.want, e.Party, e.Peer)
		}
	}
}

func TestCharacterSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"Empf\xE4nger", "Empfänger"},
		{"Empf\xC3\xA4nger", "Empfänger"},
		{"kwot\xC4\x85 odsetek", "kwotą odsetek"},
		{"Csoportos \xA0tutal\xA0s j\xA2v\xA0\xA1r\xA0sa", "Csoportos átutalás jóváírása"},
		{"O\x92Neil \x96 5\xA0000 \x80", "O’Neil – 5\u00a0000 €"},
		{"Op\xb3ata za wp\xb3yw\xb9cy", "Opłata za wpływący"},
		{"wp\xb3yw\xb1cy \xb6wie\xbfo", "wpływący świeżo"},
		{"P\xf8\xedkaz k \xfahrad\xec, Le\x9aov", "Pøíkaz k úhradì, Lešov"},
		{"Vers\xe3o m\xb2 d\x92Oro", "Versão m² d’Oro"},
		{"a\x01b\tc", "a b c"},
	} {
		s := readOne(t, c.text, head+":61:240102C1,00NTRF\n:86:"+c.text+"\n")
		if s == nil || len(s.Entries) != 1 || s.Entries[0].Text != c.want {
			t.Errorf("%q: %+v", c.text, s)
		}
	}
}

// readOne reads a text of one statement.
func readOne(t *testing.T, name, text string) *statementtest.Statement {
	t.Helper()
	r := statementtest.NewRecorder(t)
	if err := statementtest.ReadChecked(t, []byte(text), mt940.Read, r); err != nil {
		t.Errorf("%q: %v", name, err)
	}
	if len(r.Statements) != 1 {
		t.Errorf("%q: %d statements", name, len(r.Statements))
		return nil
	}
	return &r.Statements[0]
}

// TestEntryDates reads entry dates, which have no year, next to the dates of the statement.
func TestEntryDates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, head, dates, want string }{
		{"a value date of the year after", ":60F:C241229EUR0,00", "2401051230", "2024-12-30"},
		{"a value date of the year before last", ":60F:C250102EUR0,00", "2212310103", "2025-01-03"},
		{"a page", ":60M:C241229EUR0,00", "2401051230", "2024-12-30"},
		{"over New Year", ":60F:C241230EUR0,00", "2412300102", "2025-01-02"},
		{"on the day that it opens", ":60F:C241230EUR0,00", "2401021230", "2024-12-30"},
		{"shortly before", ":60F:C250102EUR0,00", "2501021231", "2024-12-31"},
		{"shortly before, of an earlier value date", ":60F:C250110EUR0,00", "2412311230", "2024-12-30"},
		{"a year", ":60F:C231231EUR0,00", "2412311231", "2024-12-31"},
		{"a year's first day", ":60F:C231231EUR0,00", "2401010101", "2024-01-01"},
		{"more than a year", ":60F:C231231EUR0,00", "2503040304", "2025-03-04"},
		{"a leap day", ":60F:C240228EUR0,00", "2301010229", "2024-02-29"},
		{"no day", ":60F:C000000EUR0,00", "2501021231", "2024-12-31"},
		{"a report", ":34F:EURD0,\n:13D:2412301200+0100", "2401051230", "2024-12-30"},
		{"a report over New Year", ":34F:EURD0,\n:13D:2501021200+0100", "2401051231", "2024-12-31"},
		{"a report without its time", ":34F:EURD0,", "2501021231", "2024-12-31"},
	} {
		s := readOne(t, c.name, ":20:A\n:25:1\n:28C:1/1\n"+c.head+"\n:61:"+c.dates+"C1,00NTRF\n-\n")
		if s == nil || len(s.Entries) != 1 || s.Entries[0].Booked != c.want {
			t.Errorf("%s: %+v, want %s", c.name, s, c.want)
		}
	}
}

// TestDaysOfEachStatement checks that the dates of one statement do not affect the next one.
func TestDaysOfEachStatement(t *testing.T) {
	t.Parallel()
	first := ":20:A\n:25:1\n:28C:1/1\n:60F:C231229EUR0,00\n:61:2312291230C0,00NTRF\n:62F:C231230EUR0,00\n"
	r := statementtest.NewRecorder(t)
	err := statementtest.ReadChecked(t, []byte(first+strings.ReplaceAll(first, ":60F:C23", ":60F:C24")), mt940.Read, r)
	if err != nil || len(r.Statements) != 2 || r.Statements[0].Entries[0].Booked != "2023-12-30" || r.Statements[1].Entries[0].Booked != "2024-12-30" {
		t.Errorf("%v: %+v", err, r.Statements)
	}
}

// TestDecimalPoints reads files in which all or some amounts have a decimal point.
func TestDecimalPoints(t *testing.T) {
	t.Parallel()
	point := func(amount, known string) string {
		return "the amount `" + amount + "` has a decimal point, and `" + known + "` before it a comma: a file has one of the two"
	}
	for _, c := range []struct{ name, opening, entry, closing, balances, amount, why string }{
		{"points", "000000001000.12", "000000000020.00", "000000001020.12", "1000.12 1020.12", "20.00", ""},
		{"one decimal", "10.5", "2.5", "13.0", "10.5 13.0", "2.5", ""},
		{"points, except in whole numbers", "0", "2.50", "2.50", "0 2.50", "2.50", ""},
		{"a comma among points", "10.50", "2,50", "13.00", "10.50 13.00", ":61:240101C2,50NTRF", "the amount `2,50` has a decimal comma, and `10.50` before it a point: a file has one of the two"},
		{"a point among commas", "10,50", "2.50", "13,00", "10.50 13.00", ":61:240101C2.50NTRF", point("2.50", "10,50")},
		{"a closing balance with a point", "10,50", "2,50", "13.00", "10.50 :62F:C240101EUR13.00: " + point("13.00", "10,50"), "2.50", ""},
		{"three digits after it", "0", "1.234", "1234", "0 1234", ":61:240101C1.234NTRF", "the amount `1.234` has a point with 3 digits behind it: it may be a decimal point or divide groups"},
		{"groups", "0,00", "1.234,50", "1234,50", "0.00 1234.50", ":61:240101C1.234,50NTRF", "the amount `1.234,50` has a decimal point, and `0,00` before it a comma: a file has one of the two"},
		{"groups from the first on", "0", "1.234,50", "1234,50", "0 1234.50", ":61:240101C1.234,50NTRF", "the amount `1.234,50` has a point between groups of digits, which MT940 does not have"},
	} {
		ends := []string{"\n", "\n-\n"}
		if mark := strings.LastIndexAny(c.closing, ",."); mark >= 0 && len(c.closing)-mark > 2 { // otherwise it may be truncated
			ends = append(ends, "")
		}
		for _, end := range ends {
			s := readOne(t, c.name, ":20:A\n:25:1\n:28C:1/1\n:60F:C240101EUR"+c.opening+"\n:61:240101C"+c.entry+"NTRF\n:62F:C240101EUR"+c.closing+end)
			if s == nil || len(s.Entries) != 1 || len(s.Balances) != 2 {
				t.Errorf("%s: %+v", c.name, s)
				continue
			}
			e, why := s.Entries[0], ""
			if e.Refused != nil {
				why = e.Refused.Reason
			}
			if got := s.Balances[0].Amount + " " + s.Balances[1].Amount; got != c.balances || e.Amount != c.amount || why != c.why {
				t.Errorf("%s: %q %q %q, want %q %q %q", c.name, got, e.Amount, why, c.balances, c.amount, c.why)
			}
		}
	}
}
