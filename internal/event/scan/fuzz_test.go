// Fuzzing against independent readers: encoding/json, encoding/csv, math/big and time.

package scan

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/project"
)

// anyJSON keeps a line's property v as JSON and reads s as a string, both optional.
func anyJSON(t testing.TB) *Plan {
	t.Helper()
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.JSONL, Columns: []project.Column{
		{Name: "v", Type: column.Type{Kind: column.JSON}, Optional: true},
		{Name: "s", Type: column.Type{Kind: column.String}, Optional: true},
		{Name: "d", Type: column.Type{Kind: column.Decimal, Precision: 38, Scale: 9}, From: []string{"o", "d"}, Optional: true},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzJSONLine(f *testing.F) {
	for _, seed := range []string{
		`{"v":{"a":[1,2.5e3,null,true,"x\u00e9\n"]},"s":"\ud83d\ude00","o":{"d":12.5}}`, `{"v":1,"v":2}`, `{"s":"` + strings.Repeat("a", 20) + `é"}`,
		`{"s":null,"o":[{}],"u":{"x":[[],{}]}}`, "{\"s\":\"\xff\"}", `{"s":"\ud800"}`, `{"a":-0.0E+1}`, `{"a":01}`, `{"a":[1,]}`, `{"a" :1 , "b":"\\\""}`,
		`{"\u0073":"x"}`, ` {}`, `[]`, `{"s":"\u0000"}`, `{"a":` + strings.Repeat("[", 70), `{"v":"\/"}`,
	} {
		f.Add([]byte(seed))
	}
	p := anyJSON(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n") || len(bytes.Trim(line, " \t\r")) == 0 || bytes.HasPrefix(line, []byte(byteOrderMark)) {
			return
		}
		b := lines(t, p, string(line))
		if len(b.Rows)+len(b.Rejects) != 1 {
			t.Fatalf("%d rows, %d rejects", len(b.Rows), len(b.Rejects))
		}
		valid := json.Valid(line) && utf8.Valid(line) && bytes.TrimLeft(line, " \t\r")[0] == '{'
		if len(b.Rejects) == 1 {
			r := b.Rejects[0]
			if strings.HasPrefix(r.Reason, "malformed JSON") && valid && !strings.Contains(r.Reason, "surrogate") && !strings.Contains(r.Reason, "NUL") {
				t.Fatalf("valid, but: %s", r.Reason)
			}
			return
		}
		if !valid {
			t.Fatal("accepted, but it is not valid")
		}
		compareJSON(t, b, line)
	})
}

// compareJSON compares an accepted row with what encoding/json makes of it.
func compareJSON(t *testing.T, b *Block, line []byte) {
	t.Helper()
	var want map[string]json.RawMessage
	if err := json.Unmarshal(line, &want); err != nil {
		t.Fatal(err)
	}
	if raw, ok := want["v"]; ok && string(raw) != "null" {
		var compacted bytes.Buffer
		if err := json.Compact(&compacted, raw); err != nil {
			t.Fatal(err)
		}
		if got := b.Columns[0].Text(0); !bytes.Equal(got, compacted.Bytes()) {
			t.Fatalf("json %s, want %s", got, compacted.Bytes())
		}
	} else if !b.Columns[0].IsNull(0) {
		t.Fatal("json is not null")
	}
	if raw, ok := want["s"]; ok && string(raw) != "null" {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		if got := string(b.Columns[1].Text(0)); got != s {
			t.Fatalf("string %q, want %q", got, s)
		}
	} else if !b.Columns[1].IsNull(0) {
		t.Fatal("string is not null")
	}
	if !b.Columns[2].IsNull(0) {
		compareNested(t, b, want["o"])
	}
}

func compareNested(t *testing.T, b *Block, raw json.RawMessage) {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	text := string(o["d"])
	if text != "" && text[0] == '"' {
		if err := json.Unmarshal(o["d"], &text); err != nil {
			t.Fatal(err)
		}
	}
	want, ok := new(big.Rat).SetString(text)
	got, _ := new(big.Rat).SetString(string(b.Columns[2].AppendPlain(nil, 0)))
	if !ok || want.Cmp(got) != 0 {
		t.Fatalf("decimal %s, want %s", got, text)
	}
}

func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"12.30", "-0.001", "1e2", "1.50E1", "+5", ".5", "5.", "NaN", "0x1", "99999999999999999999", "1_0", "1/2", "0000000000000000000000001", "1e-5", ""} {
		f.Add(seed, uint8(18), uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, precision, scale uint8) {
		typ := column.Type{Kind: column.Decimal, Precision: 1 + int(precision)%38}
		typ.Scale = int(scale) % (typ.Precision + 1)
		tok := []byte(text)
		n, reason := exact(tok, typ.Scale, '.', 0)
		ok := reason == "" && fits(n, typ)
		fast, fastOK := narrow(tok, typ.Precision, typ.Scale, '.')
		if fastOK && (!ok || n.HighBits() != fast>>63 || int64(n.LowBits()) != fast) {
			t.Fatalf("%q: the short way gives %d, the long %s %s", text, fast, n.BigInt(), reason)
		}
		if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 5 {
			return // the oracle would write the number out
		}
		want, valid := new(big.Rat).SetString(text)
		if strings.ContainsAny(text, "_/xXpPoObB") || strings.HasSuffix(strings.TrimRight(text, "0123456789eE+-"), ".") && badPoint(text) {
			valid = false
		}
		if valid == (reason == notNumber) {
			t.Fatalf("%q: %q, but the oracle says valid is %v", text, reason, valid)
		}
		if !valid {
			return
		}
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(typ.Scale)), nil)
		want.Mul(want, new(big.Rat).SetInt(power))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(typ.Precision)), nil)
		representable := want.IsInt() && new(big.Int).Abs(want.Num()).Cmp(limit) < 0
		if ok != representable || ok && n.BigInt().Cmp(want.Num()) != 0 {
			t.Fatalf("%q as %s: %s %q, want %s", text, typ, n.BigInt(), reason, want)
		}
	})
}

// badPoint reports whether a decimal point is followed by no digit, which the oracle takes.
func badPoint(text string) bool {
	i := strings.IndexByte(text, '.') + 1
	return i == len(text) || text[i]-'0' > 9
}

func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{"2024-01-02T03:04:05Z", "2024-02-29 23:59:59.999999+14:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.5-01", "2024-02-30T00:00:00Z", "1900-02-29T00:00:00Z", "2024-01-02T03:04:60Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m moment
		reason := m.isoTimestamp([]byte(text))
		want, err := oracleTime(text)
		if reason != "" {
			if err == nil && reason != finerMicros && reason != badOffset {
				t.Fatalf("%q: %s, but it is %s", text, reason, want)
			}
			return
		}
		if err != nil {
			t.Fatalf("%q accepted, but: %v", text, err)
		}
		if got := (m.seconds()-int64(m.offset))*1e6 + int64(m.micro); got != want.UnixMicro() || want.Nanosecond()%1000 != 0 {
			t.Fatalf("%q: %d, want %d", text, got, want.UnixMicro())
		}
	})
}

func oracleTime(text string) (at time.Time, err error) {
	if strings.ContainsRune(text, ',') {
		return at, errors.New("decimal comma")
	}
	if len(text) < 19 || text[13] != ':' || text[11]-'0' > 9 {
		return at, errors.New("one digit of an hour")
	}
	if len(text) > 29 { // the oracle looks at nine decimals; further zeros change nothing
		if i := strings.IndexByte(text, '.'); i == 19 {
			end := i + 1
			for end < len(text) && text[end]-'0' <= 9 {
				end++
			}
			if end > 29 && strings.Trim(text[29:end], "0") == "" {
				text = text[:29] + text[end:]
			}
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"} {
		for _, l := range []string{layout, strings.Replace(layout, "T", " ", 1)} {
			if at, err = time.Parse(l, text); err == nil {
				if at.Year() == 0 && strings.HasPrefix(text, "0000") {
					return at, errors.New("year 0")
				}
				return at, nil
			}
		}
	}
	return at, err
}

func FuzzLayout(f *testing.F) {
	f.Add("%d.%m.%Y %H:%M:%S.%f%z", "1.2.2024 03:04:05.5Z")
	f.Add("%y%m%d", "240229")
	f.Add("%b %d%% %Y", "mar 05% 2024")
	f.Fuzz(func(t *testing.T, format, text string) {
		l, err := column.CompileLayout(format, column.Timestamp)
		if err != nil {
			return
		}
		var m moment
		if m.follow(l, []byte(text)) != "" {
			return
		}
		want := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.sec, 0, time.UTC)
		if m.seconds() != want.Unix() || want.Day() != m.day {
			t.Fatalf("%q: %+v is not %s", text, m, want)
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b,c\n", "\"a\"\"\n\",b,\n1,2,3", "a,b\"c\",d\r\n", "\"a\"x,b,c\nd,e,f\n", ",,\n", "\"open,b,c\n", "a,b,c,d\n\n1,2,3\r"} {
		f.Add([]byte(seed), uint8(3))
	}
	text := column.Type{Kind: column.String}
	p, err := NewPlan(&project.Stream{Name: "s", Format: project.CSVText, Columns: []project.Column{
		{Name: "a", Type: text, Optional: true}, {Name: "b", Type: text, Optional: true}, {Name: "c", Type: text, Optional: true},
	}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		blocks, err := p.Parse(data, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		var all scanned
		for _, b := range blocks {
			all.add(b)
		}
		compareCuts(t, p, data, int(size), &all)
		if len(all.rejects) > 0 || bytes.ContainsRune(data, '\r') || bytes.HasPrefix(data, []byte(byteOrderMark)) {
			return
		}
		r := csv.NewReader(bytes.NewReader(data))
		r.LazyQuotes, r.FieldsPerRecord = true, -1
		for i := 0; ; i++ {
			fields, err := r.Read()
			if errors.Is(err, io.EOF) && i == len(all.rows) {
				return
			}
			if err != nil || i == len(all.rows) {
				t.Fatalf("row %d of %d: %v", i, len(all.rows), err)
			}
			line, _ := r.FieldPos(0)
			want := fmt.Sprintf("%d:", line)
			for _, field := range fields {
				if field == "" {
					want += " null"
				} else {
					want += " " + string(column.QuoteJSON(field))
				}
			}
			if all.rows[i] != want {
				t.Fatalf("got %s, want %s", all.rows[i], want)
			}
		}
	})
}

// compareCuts wants the same rows when the data is cut into small texts.
func compareCuts(t *testing.T, p *Plan, data []byte, size int, want *scanned) {
	t.Helper()
	c := cutter{source: bytes.NewReader(data), csv: true, delimiter: ',', size: size + 1, line: 1}
	s := newCSVScanner(p, p.byPosition(), nil)
	var got scanned
	for {
		piece, err := c.next(nil)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return // another format's first bytes
		}
		for at, line := 0, piece.text.line; at < piece.text.end; {
			b := newBlock(p, 0)
			at, line = s.fill(b, piece.text, at, line)
			got.add(b)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(*want) {
		t.Fatalf("cut at %d:\n got %v\nwant %v", size+1, got, *want)
	}
}
