// Tests of institution declarations.

package project

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"

	"bursar/internal/project/doc"
	"bursar/internal/project/projecttest"
)

const goodInstitution = `institution: acme
servicer: DEUTDEFF
accounts: [LT62 1010 1010, "12*"]
statements: {calendar: target, except: [2024-12-24], also: [2024-06-15], since: 2024-03-07}
csv:
  delimiter: ";"
  encoding: windows-1252
  skip: 4
  decimal: ","
  group: "."
  date: "%d.%m.%Y"
  account: {column: Konto}
  currency: EUR
  columns:
    booked: Buchungstag
    amount: Betrag
    sign: {column: S/H, credit: [H, C], debit: [S, D]}
    reference: Referenz
    text: [Zweck1, Zweck2]
    balance: Saldo
  unique: true
  control:
    row: last
    where: {column: Buchungstag, is: TOTAL}
    count: {column: Betrag}
    hash: {column: Saldo, of: reference, method: sum}
`

func TestInstitutionRead(t *testing.T) {
	t.Parallel()
	i, errs := parseInstitution("institutions/any-name.yaml", []byte(goodInstitution))
	projecttest.WantErrors(t, errs)
	if i.Name != "acme" || i.Line != 1 || i.Servicer != "DEUTDEFF" || !reflect.DeepEqual(i.Accounts, []string{"LT6210101010", "12*"}) {
		t.Errorf("got %+v", i)
	}
	if len(i.CSV.Dates) != 1 || i.CSV.Dates[0].Format != "%d.%m.%Y" || i.CSV.Encoding != charmap.Windows1252 {
		t.Errorf("dates %+v, encoding %v", i.CSV.Dates, i.CSV.Encoding)
	}
	got := *i.CSV
	got.Dates, got.Encoding = nil, nil
	want := CSVMapping{
		Delimiter: ';', Skip: 4, Decimal: ',', Group: '.', Account: Cell{Column: "Konto"}, Currency: Cell{Literal: "EUR"},
		Columns: CSVColumns{
			Booked: "Buchungstag", Amount: "Betrag", Sign: Sign{Column: "S/H", Credit: []string{"H", "C"}, Debit: []string{"S", "D"}},
			Reference: "Referenz", Text: []string{"Zweck1", "Zweck2"}, Balance: "Saldo",
		},
		Unique:  true,
		Control: &Control{Where: Marker{"Buchungstag", "TOTAL"}, Count: "Betrag", Hash: Hash{Column: "Saldo", Summed: "Referenz"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	named := []string{"Konto", "Buchungstag", "Betrag", "S/H", "Referenz", "Saldo", "Zweck1", "Zweck2"}
	if !reflect.DeepEqual(i.CSV.ColumnNames(), named) {
		t.Errorf("named are %q", i.CSV.ColumnNames())
	}
}

// TestBrokenInstitution replaces one piece of a good institution and lists the expected error.
func TestBrokenInstitution(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{"institution: acme\n", "", "1: the file has no `institution`"},
		{"institution: acme", "institution: Acme-1", "1: `institution` `Acme-1` is not a valid name: names are"},
		{"servicer:", "servcer:", "2: unknown key `servcer`; did you mean `servicer`?"},
		{"[LT62 1010 1010, \"12*\"]", "[12]", "3: `accounts` must list texts: put `12` in quotes"},
		{"\"12*\"", "\"*\"", "3: `accounts` lists *, which is every account"},
		{"\"12*\"", "\"1*2\"", "3: `accounts` lists `1*2`: only one * is allowed, at the end"},
		{"\"12*\"", "\" 12\"", "3: `accounts` lists ` 12`: an account number has no blanks around it"},
		{"calendar: target", "calendar: taget", "4: `calendar` is `taget`: use one of every file day, daily, weekdays, target, at, "},
		{"calendar: target, ", "", "4: `statements` has no `calendar`"},
		{"calendar: target", "calendar: daily", "4: `also` has no effect beside `daily`"},
		{"[2024-06-15]", "[2024-12-24]", "4: `also` lists 2024-12-24, and so does `except`"},
		{"[2024-06-15]", "[2024-01-15]", "4: `also` lists 2024-01-15, which is before `since`"},
		{"[2024-06-15]", "2024-06-15", "4: `also` must be a list of days"},
		{"statements: {", "closed: {A1: 2024-02-30}\nstatements: {", "4: `A1` has `2024-02-30`, which is not a valid day"},
		{"statements: {", "closed: {\"A*\": 2024-02-03}\nstatements: {", "4: `closed` lists `A*`: give the account's whole number"},
		{"servicer: DEUTDEFF\naccounts: [LT62 1010 1010, ", "closed: {LT62 1010 1011: 2024-02-03}\naccounts: [LT62 1010 1010, ", "2: `closed` lists `LT62 1010 1011`, which is not one of the `accounts`"},
		{"statements: {", "closed: 2024-02-03\nstatements: {", "4: `closed` must be a mapping"},
		{"since: 2024-03-07", "since: 2024-02-30", "4: `since` has `2024-02-30`, which is not a valid day"},
		{"statements: {calendar: target, except: [2024-12-24], also: [2024-06-15], since: 2024-03-07}", "statements: always", "4: `statements` is `always`: use one of"},
		{"servicer:", "fitids: temporal\nservicer:", "2: `fitids` is `temporal`: use lasting or temporary"},
		{"servicer:", "reversals: orignal\nservicer:", "2: `reversals` is `orignal`: use own or original"},
		{"delimiter: \";\"", "delimiter: \";;\"", "6: `delimiter` must be one ASCII character"},
		{"windows-1252", "windows-99", "7: `encoding` is `windows-99`: use an encoding's registered name"},
		{"skip: 4", "skip: -1", "8: `skip` must be a whole number from 0 to"},
		{"decimal: \",\"\n", "header: [a]\n", "10: `group` is `.`, which is the decimal mark"},
		{"%d.%m.%Y", "%d.%m.", "11: format \"%d.%m.\" gives no year"},
		{"%d.%m.%Y", "dmy", "11: `date` is `dmy`: use a pattern such as"},
		{"account: {column: Konto}", "account: {colum: Konto}", "12: unknown key `colum`; did you mean `column`?"},
		{"account: {column: Konto}", "account: {}", "12: `csv.account` has no `column`"},
		{"account: {column: Konto}", "account: 7", "12: `account` must be text"},
		{"  currency: EUR\n", "", "5: `csv` has no `currency`"},
		{"    booked: Buchungstag\n", "", "14: `csv.columns` has no `booked`"},
		{"    amount: Betrag\n", "", "14: `csv.columns` has no `amount`, nor `credit` and `debit`"},
		{"    amount: Betrag\n", "    amont: Betrag\n", "16: unknown key `amont`; did you mean `amount`?"},
		{"    sign: {column: S/H, credit: [H, C], debit: [S, D]}\n", "    credit: Haben\n", "16: `amount` cannot be combined with `credit` and `debit`"},
		{"    amount: Betrag\n", "    credit: Haben\n    debit: Soll\n", "18: `sign` belongs to `amount`"},
		{"    amount: Betrag\n    sign: {column: S/H, credit: [H, C], debit: [S, D]}\n", "    credit: Haben\n", "14: `csv.columns` has no `debit`"},
		{"debit: [S, D]", "debit: [S, C]", "17: `debit` has `C`, and so has `credit`"},
		{", debit: [S, D]", "", "17: `csv.columns.sign` has no `debit`"},
		{"of: reference", "of: text", "26: `of` is `text`: use what one of the columns holds"},
		{"of: reference", "of: own", "26: `of` is `own`, which has no column of its own"},
		{"method: sum", "method: md5", "26: `method` is `md5`: use sum"},
		{"row: last", "row: end", "23: `row` is `end`: use first or last"},
		{"    row: last\n", "", "22: `csv.control` has no `row`"},
		{", is: TOTAL", "", "24: `csv.control.where` has no `is`"},
		{"    count: {column: Betrag}\n    hash: {column: Saldo, of: reference, method: sum}\n", "", "22: `csv.control` states nothing"},
	} {
		text := strings.Replace(goodInstitution, c.from, c.to, 1)
		_, errs := parseInstitution("institutions/acme.yaml", []byte(text))
		if strings.Contains(c.to, "header:") { // which misses every column, and is not what this row is about
			errs = errs[:1]
		}
		t.Run(c.want, func(t *testing.T) { projecttest.WantErrors(t, errs, "institutions/acme.yaml:"+c.want) })
	}
}

func TestReversals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ReversalDirection{"": OwnReversals, "reversals: own\n": OwnReversals, "reversals: original\n": OriginalReversals} {
		i, errs := parseInstitution("institutions/acme.yaml", []byte(goodInstitution+text))
		if projecttest.WantErrors(t, errs); i.Reversals != want {
			t.Errorf("%q is %q", text, i.Reversals)
		}
	}
}

func TestInstitutionNeedsItsReference(t *testing.T) {
	t.Parallel()
	_, errs := parseInstitution("institutions/a.yaml", []byte(`institution: a
csv:
  header: [Day, Amount]
  account: LT62
  currency: EUR
  columns: {booked: Day, amount: amount}
  unique: true
`))
	projecttest.WantErrors(t, errs, "institutions/a.yaml:7: `unique` needs the column of the reference",
		"institutions/a.yaml:3: `header` has no column `amount`, which is named below; did you mean `Amount`?")
}

func TestInstitutionsClaimOnce(t *testing.T) {
	t.Parallel()
	p, errs := Read(projecttest.Folder(t, map[string]string{
		"bursar.yaml":         "",
		"institutions/a.yaml": "institution: zeta\nservicer: AAAABBCC\naccounts: [LT01, \"9*\"]\n",
		"institutions/b.yaml": "institution: alpha\naccounts:\n- x\n- LT01\n- 9*\n",
		"institutions/c.yaml": "institution: zeta\nservicer: AAAABBCC\n",
	}))
	projecttest.WantErrors(t, errs,
		"institutions/b.yaml:4: account `LT01` is declared in institutions/a.yaml:3 already: an account belongs to one institution",
		"institutions/b.yaml:5: account `9*` is declared in institutions/a.yaml:3 already",
		"institutions/c.yaml:1: institution `zeta` is declared in institutions/a.yaml:1 already",
		"institutions/c.yaml:2: servicer `AAAABBCC` is declared in institutions/a.yaml:2 already")
	if len(p.Institutions) != 3 || p.Institutions[0].Name != "alpha" || p.Institution("alpha") == nil || p.Institution("x") != nil {
		t.Errorf("institutions are %+v", p.Institutions)
	}
}

func TestInstitutionOf(t *testing.T) {
	t.Parallel()
	p := &Project{Institutions: []*Institution{
		{Name: "bank", Servicer: "DEUTDEFF"},
		{Name: "branch", Servicer: "DEUTDEFF500"},
		{Name: "short", Accounts: []string{"12*"}},
		{Name: "long", Accounts: []string{"1234*"}},
		{Name: "literal", Accounts: []string{"12345"}},
		{Name: "nobody"},
	}}
	for _, c := range []struct{ servicer, account, want string }{
		{"DEUTDEFF", "12345", "literal"},
		{"", "12346", "long"},
		{"DEUTDEFF", "1299", "short"},
		{"DEUTDEFF", "9", "bank"},
		{"DEUTDEFFXXX", "9", "bank"},
		{"DEUTDEFF500", "9", "branch"},
		{"DEUTDEF", "9", ""},
		{"", "9", ""},
		{"", "", ""},
	} {
		got := ""
		if i := p.InstitutionOf(c.servicer, c.account); i != nil {
			got = i.Name
		}
		if got != c.want {
			t.Errorf("%q, %q belongs to %q, want %q", c.servicer, c.account, got, c.want)
		}
	}
}

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCalendarExpects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		calendar string
		yes, no  []string
	}{
		{"every file day", []string{"2024-06-15", "2024-12-25"}, nil},
		{"daily", []string{"2024-06-15", "2024-12-25"}, nil},
		{"weekdays", []string{"2024-12-25", "2024-06-14"}, []string{"2024-06-15", "2024-06-16"}},
		{"target", []string{"2024-10-03", "2024-12-24", "2025-06-19"}, []string{"2024-12-25", "2024-12-26", "2024-03-29", "2024-04-01", "2025-04-18", "2024-05-01", "2024-01-01", "2024-06-15"}},
		{"de", []string{"2024-06-14"}, []string{"2024-10-03", "2024-05-09", "2024-12-25"}},
		{"gb", []string{"2024-05-01"}, []string{"2022-01-03", "2022-06-03", "2024-05-06"}},
		{"us", []string{"2024-12-26"}, []string{"2024-07-04", "2024-11-28"}},
		{
			"{calendar: target, except: [2024-12-24], also: [2024-06-15], since: 2024-03-07}",
			[]string{"2024-06-15", "2024-03-07"},
			[]string{"2024-12-24", "2024-03-06", "2024-06-16"},
		},
		{"{calendar: every file day, since: 2024-03-07, except: [2024-12-24]}", []string{"2024-06-15"}, []string{"2024-12-24", "2024-03-06"}},
		{"", nil, []string{"2024-06-14"}},
	} {
		text := "institution: a\n"
		if c.calendar != "" {
			text += "statements: " + c.calendar + "\n"
		}
		i, errs := parseInstitution("institutions/a.yaml", []byte(text))
		projecttest.WantErrors(t, errs)
		for _, d := range c.yes {
			if !i.Statements.Expects(day(d)) {
				t.Errorf("%s does not expect %s", c.calendar, d)
			}
		}
		for _, d := range c.no {
			if i.Statements.Expects(day(d)) {
				t.Errorf("%s expects %s", c.calendar, d)
			}
		}
	}
}

// TestHolidayCalendars checks days that are holidays in all calendars, over many years.
func TestHolidayCalendars(t *testing.T) {
	t.Parallel()
	for _, name := range calendarNames() {
		c := Calendar{Kind: CalendarKind(name)}
		if holidayCalendars[c.Kind] == nil {
			continue
		}
		for year := 2010; year < 2040; year++ {
			working := 0
			for d := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() == year; d = d.AddDate(0, 0, 1) {
				if c.Expects(d) {
					working++
				}
			}
			christmas := time.Date(year, 12, 25, 0, 0, 0, 0, time.UTC)
			if c.Expects(christmas) || working < 240 || working > 260 {
				t.Errorf("%s %d: %d days, and %v on Christmas Day", name, year, working, c.Expects(christmas))
			}
		}
	}
}

func FuzzInstitutionYAML(f *testing.F) {
	f.Add([]byte(goodInstitution))
	f.Add([]byte("institution: a\nstatements: [x]\ncsv: {account: {column: ~}, columns: {text: [1]}, control: {hash: {of: x}}}"))
	f.Add([]byte("institution: a\nstatements: {calendar: de, also: [0001-01-01, 1], except: x, since: {}}\naccounts: ~"))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, errs := parseInstitution("institutions/a.yaml", data)
		if len(errs) > doc.MaxErrors+1 {
			t.Fatalf("%d errors", len(errs))
		}
		for _, e := range errs {
			if e.Line < 1 || e.File == "" || e.Message == "" {
				t.Fatalf("bad error %+v", e)
			}
		}
		if len(errs) > 0 {
			return
		}
		c := i.CSV
		usable := c == nil || c.Columns.Booked != "" && (c.Columns.Amount != "") != (c.Columns.Credit != "" && c.Columns.Debit != "") &&
			c.Account != Cell{} && c.Currency != Cell{}
		if i.Name == "" || !usable {
			t.Fatalf("accepted an unusable institution: %q", data)
		}
		checkInstitutions([]*Institution{i, i})
		i.Statements.Expects(day("2024-02-29"))
	})
}

// TestServicerOfConnector: what a file says of FITIDs applies to the statements that its connector fetches.
func TestServicerOfConnector(t *testing.T) {
	t.Parallel()
	const ofx = "institution: acme\nfitids: temporary\nconnector: {kind: ofx, url: \"https://ofx.example.com/\""
	i, errs := parseInstitution("institutions/acme.yaml", []byte(ofx+", bank_id: \"121000999\"}\n"))
	projecttest.WantErrors(t, errs)
	if i.Servicer != "121000999" || !i.TemporaryIDs {
		t.Errorf("%+v", i)
	}
	if i, errs = parseInstitution("institutions/acme.yaml", []byte("servicer: BANK\n"+ofx+", bank_id: \"121000999\"}\n")); len(errs) > 0 || i.Servicer != "BANK" {
		t.Errorf("%+v, %v", i, errs)
	}
	_, errs = parseInstitution("institutions/acme.yaml", []byte(ofx+"}\n"))
	if len(errs) != 1 || errs[0].Line != 2 || !strings.Contains(errs[0].Message, "declare one of them") {
		t.Errorf("%v", errs)
	}
}
