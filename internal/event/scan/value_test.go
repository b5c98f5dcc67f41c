// Which values fit which types, and what they become.

package scan

import (
	"strings"
	"testing"
	"time"

	"bursar/internal/column"
	"bursar/internal/project"
)

// one is a stream with one required column v, changed by the test.
func one(t testing.TB, typ string, change func(*project.Column)) *Plan {
	t.Helper()
	parsed, err := column.ParseType(typ)
	if err != nil {
		t.Fatal(err)
	}
	c := project.Column{Name: "v", Type: parsed}
	if change != nil {
		change(&c)
	}
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.JSONL, Columns: []project.Column{c}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lines scans JSON lines that fit one block.
func lines(t testing.TB, p *Plan, data string) *Block {
	t.Helper()
	blocks, err := p.Parse([]byte(data), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) != 1 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for i := range blocks[0].Columns {
		if n := blocks[0].Columns[i].Len(); n != len(blocks[0].Rows) {
			t.Fatalf("column %d has %d values for %d rows", i, n, len(blocks[0].Rows))
		}
	}
	return blocks[0]
}

// check scans one value and compares it as plain text, or a part of the reason where want starts with "!".
func check(t *testing.T, p *Plan, value, want string) {
	t.Helper()
	b := lines(t, p, `{"v":`+value+`}`)
	reason, refused := strings.CutPrefix(want, "!")
	switch {
	case refused && len(b.Rejects) == 1:
		if !strings.Contains(b.Rejects[0].Reason, reason) {
			t.Errorf("%s: reason %q, want %q", value, b.Rejects[0].Reason, reason)
		}
	case refused:
		t.Errorf("%s: accepted as %s", value, b.Columns[0].AppendPlain(nil, 0))
	case len(b.Rejects) > 0:
		t.Errorf("%s: rejected: %s", value, b.Rejects[0].Reason)
	default:
		if got := string(b.Columns[0].AppendPlain(nil, 0)); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, value, want string }{
		{"decimal(18,2)", `"12.30"`, "12.30"},
		{"decimal(18,2)", `12.3`, "12.30"},
		{"decimal(18,2)", `-0`, "0.00"},
		{"decimal(18,2)", `0.0100000`, "0.01"},
		{"decimal(18,2)", `0.001`, "!more decimals"},
		{"decimal(18,2)", `"12.345"`, `!"12.345" does not fit decimal(18,2)`},
		{"decimal(18,2)", `1e2`, "100.00"},
		{"decimal(18,2)", `1.50E1`, "15.00"},
		{"decimal(18,2)", `12345e-2`, "123.45"},
		{"decimal(18,2)", `1e-3`, "!more decimals"},
		{"decimal(18,2)", `0e-999999999999999999999`, "0.00"},
		{"decimal(18,2)", `1e999999999999999999999`, "!too large"},
		{"decimal(18,2)", `1e-999999999999999999999`, "!more decimals"},
		{"decimal(18,2)", `9999999999999999.99`, "9999999999999999.99"},
		{"decimal(18,2)", `10000000000000000`, "!too large"},
		{"decimal(18,2)", `"10000000000000000.00"`, "!too large"},
		{"decimal(18,2)", `"+5"`, "5.00"},
		{"decimal(18,2)", `".5"`, "0.50"},
		{"decimal(18,2)", `"5."`, "!not a number"},
		{"decimal(18,2)", `"007"`, "7.00"},
		{"decimal(18,2)", `""`, "!not a number"},
		{"decimal(18,2)", `"-"`, "!not a number"},
		{"decimal(18,2)", `"."`, "!not a number"},
		{"decimal(18,2)", `"1 "`, "!not a number"},
		{"decimal(18,2)", `" 1"`, "!not a number"},
		{"decimal(18,2)", `"NaN"`, "!not a number"},
		{"decimal(18,2)", `"Infinity"`, "!not a number"},
		{"decimal(18,2)", `"0x10"`, "!not a number"},
		{"decimal(18,2)", `"1_000"`, "!not a number"},
		{"decimal(18,2)", `"1,000"`, "!not a number"},
		{"decimal(18,2)", `"12.30-"`, "!not a number"},
		{"decimal(18,2)", `"１２"`, "!not a number"},
		{"decimal(18,2)", `true`, "!is a boolean, and the type is decimal(18,2)"},
		{"decimal(18,2)", `{"a":1}`, "!is an object"},
		{"decimal(18,2)", `null`, "!null"},
		{"decimal(18,18)", `0.123456789012345678`, "0.123456789012345678"},
		{"decimal(18,18)", `1`, "!too large"},
		{"decimal(38,0)", `99999999999999999999999999999999999999`, "99999999999999999999999999999999999999"},
		{"decimal(38,0)", `-99999999999999999999999999999999999999`, "-99999999999999999999999999999999999999"},
		{"decimal(38,0)", `100000000000000000000000000000000000000`, "!too large"},
		{"decimal(38,0)", `1e37`, "10000000000000000000000000000000000000"},
		{"decimal(38,2)", `123456789012345678901234567890.12`, "123456789012345678901234567890.12"},
		{"decimal(38,2)", `0.1234567890123456789012345678901234567890`, "!more decimals"},
		{"decimal(20,3)", `-1.5`, "-1.500"},
		{"int", `2147483647`, "2147483647"},
		{"int", `-2147483648`, "-2147483648"},
		{"int", `2147483648`, "!too large"},
		{"int", `7.0`, "7"},
		{"int", `"7"`, "7"},
		{"int", `7.5`, "!more decimals"},
		{"int", `1e2`, "100"},
		{"bigint", `9223372036854775807`, "9223372036854775807"},
		{"bigint", `-9223372036854775808`, "-9223372036854775808"},
		{"bigint", `9223372036854775808`, "!too large"},
		{"bigint", `-9223372036854775809`, "!too large"},
		{"bigint", `999999999999999999`, "999999999999999999"},
		{"bool", `true`, "true"},
		{"bool", `false`, "false"},
		{"bool", `"TRUE"`, "true"},
		{"bool", `"t"`, "!neither true nor false"},
		{"bool", `1`, "!is a number, and the type is bool"},
	} {
		check(t, one(t, c.typ, nil), c.value, c.want)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	p := one(t, "decimal(18,2)", func(c *project.Column) { c.Decimal, c.Group = ',', '.' })
	blanks := one(t, "decimal(18,2)", func(c *project.Column) { c.Decimal, c.Group = ',', ' ' })
	for _, c := range [][2]string{{"1 234,50", "1234.50"}, {"1\u00a0234,50", "1234.50"}, {"-1\u202f234\u202f567,50", "-1234567.50"}, {"1\u00a023", "!grouped in threes"}, {"1\u2003234", "!not a number"}} {
		check(t, blanks, `"`+c[0]+`"`, c[1])
	}
	for value, want := range map[string]string{
		`"1.234.567,89"`: "1234567.89", `"1234567,8"`: "1234567.80", `"12,30"`: "12.30", `"-1.234"`: "-1234.00",
		`12.3`:       "12.30", // a JSON number has one grammar
		`"12.30"`:    "!not grouped in threes",
		`"1.2345,6"`: "!not grouped in threes", `"1234.567"`: "!not grouped in threes", `".123"`: "!not grouped in threes",
		`"1..234"`: "!not grouped in threes", `"1.234."`: "!not grouped in threes", `"1,2.345"`: "!not a number",
	} {
		check(t, p, value, want)
	}
}

// TestOtherNotations: numbers with brackets, a sign behind them or a currency are rejected with what to write.
func TestOtherNotations(t *testing.T) {
	t.Parallel()
	p := one(t, "decimal(18,2)", nil)
	const advice = "!it is not a number as a stream reads it: write the sign in front, and no currency beside it"
	for _, value := range []string{`"5.00-"`, `"(20.50)"`, `"€ 5.00"`, `"5.00 €"`, `"-$3"`} {
		check(t, p, value, advice)
	}
	for _, value := range []string{`"5.00 x-"`, `"-"`, `"()"`, `"5..0"`} {
		b := lines(t, p, `{"v":`+value+`}`)
		if len(b.Rejects) != 1 || !strings.HasSuffix(b.Rejects[0].Reason, "it is not a number") {
			t.Errorf("%s: %+v", value, b.Rejects)
		}
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	p := one(t, "string", nil)
	for value, want := range map[string]string{
		`""`: "", `"abc"`: "abc", `"a\"b\\c\/\b\f\n\r\t"`: "a\"b\\c/\b\f\n\r\t", `"\u00e9é"`: "éé", `"\ud83d\ude00"`: "😀",
		`"příliš žluťoučký kůň, a long one"`: "příliš žluťoučký kůň, a long one",
		`"\ud83d"`: "!a surrogate is not paired", `"\ude00"`: "!a surrogate is not paired", `"\ud83d\u0041"`: "!a surrogate is not paired",
		`"\u0000"`: "!NUL", `"\x41"`: "!escape does not exist", `"\u12g4"`: "!four hexadecimal", `"\u12`: "!four hexadecimal",
		"\"a\xffb\"": "!not valid UTF-8", "\"a\x01b\"": "!control character", `"abc`: "!does not end", `"abc\`: "!escape does not exist",
		"\"\xc3\n\"": "!not valid UTF-8", "\"\xed\xa0\x80\"": "!not valid UTF-8",
		`12`: `!"12" is a number, and the type is string`, `true`: "!is a boolean", `["a"]`: "!is an array", `null`: "!it is null",
	} {
		if strings.Contains(value, "\n") {
			continue
		}
		check(t, p, value, want)
	}
	in := one(t, "string", func(c *project.Column) { c.In = []string{"USD", "EUR"} })
	check(t, in, `"EUR"`, "EUR")
	check(t, in, `"\u0045UR"`, "EUR")
	check(t, in, `"eur"`, "!not one of the declared values")
	many := one(t, "string", func(c *project.Column) { c.In = strings.Split("a b c d e f g h i j", " ") })
	check(t, many, `"j"`, "j")
	check(t, many, `"k"`, "!not one of the declared values")
}

func TestJSONColumns(t *testing.T) {
	t.Parallel()
	p := one(t, "json", nil)
	for value, want := range map[string]string{
		` { "a" : [ 1 , 2.50 , "x y" , null , { } , [ ] ] } `: `{"a":[1,2.50,"x y",null,{},[]]}`,
		`"a\"  b"`: `"a\"  b"`, `12e1`: "12e1", `false`: "false", `null`: "!null", `[1,]`: "!a value is expected here",
		`{"a":"\u0000"}`: "!NUL", `["\ud800"]`: "!a surrogate is not paired", `{"a":1,"a":2}`: `{"a":1,"a":2}`,
		`"\\"`: `"\\"`, `[01]`: "!may not start with 0", `{"a" 1}`: "!a colon", `{"a":1 "b":2}`: "!a comma", `[1}`: "!a comma",
	} {
		check(t, p, value, want)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ typ, format, value, want string }{
		{"date", "", "2024-02-29", "2024-02-29"},
		{"date", "", "2023-02-29", "!no such date"},
		{"date", "", "2024-02-30", "!no such date"},
		{"date", "", "0001-01-01", "0001-01-01"},
		{"date", "", "9999-12-31", "9999-12-31"},
		{"date", "", "0000-12-31", "!years go from"},
		{"date", "", "2024-1-1", "!not written"},
		{"date", "", "2024-13-01", "!no such date"},
		{"date", "", "2024-00-01", "!no such date"},
		{"date", "", "2024-01-01T00:00:00Z", "!not written"},
		{"date", "%y%m%d", "240131", "2024-01-31"},
		{"date", "%y%m%d", "690131", "1969-01-31"},
		{"date", "%y%m%d", "680131", "2068-01-31"},
		{"date", "%y%m%d", "24131", "!not written %y%m%d"},
		{"date", "%y%m%d", "24121", "!not written %y%m%d"},
		{"date", "%d.%m.%Y", "1.2.2024", "2024-02-01"},
		{"date", "%d.%m.%Y", "01.02.2024 ", "!not written"},
		{"date", "%d %b %Y", "05 Mar 2024", "2024-03-05"},
		{"date", "%d%%%b%Y", "05%DEC2024", "2024-12-05"},
		{"date", "%Y-%m-%d", "2023-02-29", "!no such date"},
		{"timestamp", "", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"},
		{"timestamp", "", "2024-01-02 03:04:05", "2024-01-02T03:04:05Z"},
		{"timestamp", "", "2024-01-02T03:04:05.123456Z", "2024-01-02T03:04:05.123456Z"},
		{"timestamp", "", "2024-01-02T03:04:05.1234560000+01:00", "2024-01-02T02:04:05.123456Z"},
		{"timestamp", "", "2024-01-02T03:04:05.1234567Z", "!finer than microseconds"},
		{"timestamp", "", "2024-01-02T03:04:05.Z", "!not written"},
		{"timestamp", "", "2024-01-02T03:04:05-0530", "2024-01-02T08:34:05Z"},
		{"timestamp", "", "2024-01-02T03:04:05+01", "2024-01-02T02:04:05Z"},
		{"timestamp", "", "2024-01-02T03:04:05+24:00", "!no such zone offset"},
		{"timestamp", "", "2024-01-02T03:04:05+1", "!not written"},
		{"timestamp", "", "2024-01-02T03:04:05+01:0", "!not written"},
		{"timestamp", "", "2024-01-02T24:00:00Z", "!no such time"},
		{"timestamp", "", "2016-12-31T23:59:60Z", "!leap second"},
		{"timestamp", "", "2024-01-02", "!not written"},
		{"timestamp", "", "0001-01-01T00:00:00+01:00", "!years go from"},
		{"timestamp", "", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
		{"timestamp", "%d/%m/%Y %H:%M:%S.%f%z", "02/01/2024 03:04:05.5+0100", "2024-01-02T02:04:05.5Z"},
		{"timestamp", "%Y%m%d%H%M", "202401020304", "2024-01-02T03:04:00Z"},
		{"timestamp", "%Y%m%d%H%M%S", "20240102030460", "!leap second"},
	} {
		check(t, one(t, c.typ, func(p *project.Column) { p.Format = c.format }), `"`+c.value+`"`, c.want)
	}
	for _, c := range []struct{ format, value, want string }{
		{"epoch_s", `1700000000`, "2023-11-14T22:13:20Z"},
		{"epoch_s", `"1700000000"`, "2023-11-14T22:13:20Z"},
		{"epoch_s", `1700000000.123456`, "2023-11-14T22:13:20.123456Z"},
		{"epoch_s", `1700000000.1234567`, "!finer than microseconds"},
		{"epoch_s", `1.7e9`, "2023-11-14T22:13:20Z"},
		{"epoch_s", `-0.5`, "1969-12-31T23:59:59.5Z"},
		{"epoch_s", `-62135596800`, "0001-01-01T00:00:00Z"},
		{"epoch_s", `-62135596801`, "!years go from"},
		{"epoch_s", `1700000000000`, "!years go from"},
		{"epoch_s", `1e30`, "!years go from"},
		{"epoch_s", `"2024-01-01"`, "!not a number"},
		{"epoch_s", `true`, "!\"true\" is a boolean, and the type is timestamp"},
		{"epoch_ms", `1700000000123`, "2023-11-14T22:13:20.123Z"},
		{"epoch_ms", `"1700000000123.456"`, "2023-11-14T22:13:20.123456Z"},
		{"epoch_ms", `-1`, "1969-12-31T23:59:59.999Z"},
		{"", `1700000000`, "!\"1700000000\" is a number, and the type is timestamp: declare `format` epoch_s or epoch_ms if it counts since 1970"},
	} {
		check(t, one(t, "timestamp", func(p *project.Column) { p.Format = c.format }), c.value, c.want)
	}
	local := one(t, "timestamp", func(c *project.Column) { c.Zone = prague })
	for _, c := range [][2]string{
		{"2024-07-01T12:00:00", "2024-07-01T10:00:00Z"},
		{"2024-01-01T12:00:00", "2024-01-01T11:00:00Z"},
		{"2024-07-01T12:00:00Z", "2024-07-01T12:00:00Z"},
		{"2024-03-31T01:59:59", "2024-03-31T00:59:59Z"},
		{"2024-03-31T02:30:00", "!skip this local time"},
		{"2024-03-31T03:00:00", "2024-03-31T01:00:00Z"},
		{"2024-10-27T01:59:59", "2024-10-26T23:59:59Z"},
		{"2024-10-27T02:30:00", "!twice"},
		{"2024-10-27T03:00:00", "2024-10-27T02:00:00Z"},
	} {
		check(t, local, `"`+c[0]+`"`, c[1])
	}
}

// TestZoneCache compares every quarter of an hour over two years, in order and so with a warm cache, with time.Date.
func TestZoneCache(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Prague", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Skip(err)
		}
		var c zoneCache
		start := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		for local := start; local < start+2*366*secondsPerDay; local += 900 {
			wall := time.Unix(local, 0).UTC()
			at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
			exists := at.Hour() == wall.Hour() && at.Minute() == wall.Minute() && at.Day() == wall.Day()
			seconds, reason := c.utc(local, zone)
			switch {
			case !exists && reason != skippedLocal:
				t.Fatalf("%s %s: %q for a skipped time", name, wall, reason)
			case exists && reason == "" && seconds != at.Unix():
				t.Fatalf("%s %s: %d, want %d", name, wall, seconds, at.Unix())
			case exists && reason == skippedLocal:
				t.Fatalf("%s %s: skipped, but it exists", name, wall)
			}
		}
	}
}

func TestLayoutsRefused(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%Y-%m", "%Y-%m-%d %H", "%Y%Y%m%d", "%Y-%m-%d %q", "%Y-%m-%", "%j"} {
		if _, err := column.CompileLayout(format, column.Date); err == nil {
			t.Errorf("%s: compiled for a date", format)
		}
	}
	if _, err := column.CompileLayout("%Y-%m-%d %S", column.Timestamp); err == nil {
		t.Error("seconds without minutes compiled")
	}
}

func TestDateOf(t *testing.T) {
	t.Parallel()
	layout, err := column.CompileLayout("%d.%m.%Y %H:%M", column.Timestamp)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		layout       *column.Layout
		text, date   string
		reasonBegins string
	}{
		{layout, "1.2.2024 23:59", "2024-02-01", ""},
		{layout, "30.2.2024 23:59", "", noSuchDate},
		{layout, "1.2.2024", "", "it is not written %d.%m.%Y"},
		{nil, "0987-06-05", "0987-06-05", ""},
		{nil, "2024-12-31T23:59:59.5-08:00", "2024-12-31", ""},
		{nil, "2024-13-01", "", noSuchDate},
		{nil, "", "", notISOTime},
	} {
		date, reason := DateOf(c.layout, c.text)
		if date != c.date || !strings.HasPrefix(reason, c.reasonBegins) || (reason == "") != (date != "") {
			t.Errorf("DateOf(%q) = %q, %q; want %q, %q", c.text, date, reason, c.date, c.reasonBegins)
		}
	}
}
