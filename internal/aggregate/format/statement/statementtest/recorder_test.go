// Tests of the recorder and of the shared checks.

package statementtest

import (
	"errors"
	"io"
	"strings"
	"testing"

	"bursar/internal/aggregate/format/statement"
)

// errorCounter is a test that only counts its errors.
type errorCounter struct {
	testing.TB
	errors int
}

func (s *errorCounter) Helper()               {}
func (s *errorCounter) Error(...any)          { s.errors++ }
func (s *errorCounter) Errorf(string, ...any) { s.errors++ }

func TestRecorderChecksTheGrammar(t *testing.T) {
	t.Parallel()
	s, b, e, d := &statement.Statement{}, &statement.Balance{}, &statement.Entry{}, &statement.Detail{}
	for calls, want := range map[string]int{
		"S.": 0, "Sb.": 0, "Sedd;b.": 0, "Se;e;.S.": 0, "Sn.n": 0, "": 0,
		"b": 1, "e": 1, "SS": 1, ".": 1, "Sd": 1, "Seb": 1, "See": 1, "Se.": 1, "S;": 1, "Sed;d": 1, "S.b": 1,
	} {
		counter := &errorCounter{}
		r := NewRecorder(counter)
		for _, call := range calls {
			switch call {
			case 'S':
				_ = r.Begin(s)
			case 'b':
				_ = r.Balance(b)
			case 'e':
				_ = r.Entry(e)
			case 'd':
				_ = r.Detail(d)
			case ';':
				_ = r.EndEntry()
			case '.':
				_ = r.End()
			case 'n':
				_ = r.Notice(&statement.Notice{})
			}
		}
		if counter.errors != want {
			t.Errorf("%q: %d errors, want %d", calls, counter.errors, want)
		}
	}
}

func TestRecorderDetectsChangedIdentity(t *testing.T) {
	t.Parallel()
	counter := &errorCounter{}
	r := NewRecorder(counter)
	s, e := statement.Statement{Account: "1"}, statement.Entry{Amount: "1"}
	_, _, e.Text, s.Number = r.Begin(&s), r.Entry(&e), "late", "7"
	if _ = r.EndEntry(); counter.errors != 0 || r.Statements[0].Entries[0].Text != "late" {
		t.Errorf("a text that came late: %d errors, %+v", counter.errors, r.Statements)
	}
	_, e.Amount = r.Entry(&e), "2"
	_, s.Account = r.EndEntry(), "2"
	if _ = r.End(); counter.errors != 2 || r.Statements[0].Number != "7" {
		t.Errorf("%d errors for an amount and an account that changed, want 2", counter.errors)
	}
}

func TestReadCheckedDetectsFaultyReaders(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]ReadFunc{
		"panics":         func(io.Reader, statement.Handler) error { panic("x") },
		"a bare error":   func(io.Reader, statement.Handler) error { return errors.New("x") },
		"no place":       func(io.Reader, statement.Handler) error { return statement.Refuse(statement.Place{}, "x") },
		"ends too early": func(_ io.Reader, h statement.Handler) error { return h.Begin(&statement.Statement{}) },
	} {
		counter := &errorCounter{}
		if _ = ReadChecked(counter, nil, read, NewRecorder(counter)); counter.errors == 0 {
			t.Errorf("%s: no error was reported", name)
		}
	}
}

func TestCheckTruncatedAndHandlerErrors(t *testing.T) {
	t.Parallel()
	var read ReadFunc = func(r io.Reader, h statement.Handler) error {
		text, _ := io.ReadAll(r)
		if len(text)%2 != 0 {
			return statement.Refuse(statement.Place{Line: 1, Column: 1}, "an odd length")
		}
		return errors.Join(h.Notice(&statement.Notice{What: string(text)}))
	}
	text := []byte(strings.Repeat("x", 250))
	CheckTruncated(t, text, read)
	CheckHandlerErrors(t, text, read)
}
