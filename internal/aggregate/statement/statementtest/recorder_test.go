package statementtest

import (
	"errors"
	"io"
	"strings"
	"testing"

	"bursar/internal/aggregate/statement"
)

// silent is a test that only counts what is held against it.
type silent struct {
	testing.TB
	errors int
}

func (s *silent) Helper()               {}
func (s *silent) Error(...any)          { s.errors++ }
func (s *silent) Errorf(string, ...any) { s.errors++ }

func TestRecorderChecksTheGrammar(t *testing.T) {
	t.Parallel()
	s, b, e, d := &statement.Statement{}, &statement.Balance{}, &statement.Entry{}, &statement.Detail{}
	for calls, want := range map[string]int{
		"S.": 0, "Sb.": 0, "Sedd;b.": 0, "Se;e;.S.": 0, "Sn.n": 0, "": 0,
		"b": 1, "e": 1, "SS": 1, ".": 1, "Sd": 1, "Seb": 1, "See": 1, "Se.": 1, "S;": 1, "Sed;d": 1, "S.b": 1,
	} {
		inner := &silent{}
		r := NewRecorder(inner)
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
		if inner.errors != want {
			t.Errorf("%q: %d errors, want %d", calls, inner.errors, want)
		}
	}
}

func TestRecorderKeepsWhatDistinguishes(t *testing.T) {
	t.Parallel()
	inner := &silent{}
	r := NewRecorder(inner)
	s, e := statement.Statement{Account: "1"}, statement.Entry{Amount: "1"}
	_, _, e.Text, s.Number = r.Begin(&s), r.Entry(&e), "late", "7"
	if _ = r.EndEntry(); inner.errors != 0 || r.Statements[0].Entries[0].Text != "late" {
		t.Errorf("a text that came late: %d errors, %+v", inner.errors, r.Statements)
	}
	_, e.Amount = r.Entry(&e), "2"
	_, s.Account = r.EndEntry(), "2"
	if _ = r.End(); inner.errors != 2 || r.Statements[0].Number != "7" {
		t.Errorf("%d errors for an amount and an account that changed, want 2", inner.errors)
	}
}

func TestGuardedBlocksTheReader(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]Read{
		"panics":         func(io.Reader, statement.Handler) error { panic("x") },
		"a bare error":   func(io.Reader, statement.Handler) error { return errors.New("x") },
		"no place":       func(io.Reader, statement.Handler) error { return statement.Refuse(statement.Place{}, "x") },
		"ends too early": func(_ io.Reader, h statement.Handler) error { return h.Begin(&statement.Statement{}) },
	} {
		inner := &silent{}
		if _ = Guarded(inner, nil, read, NewRecorder(inner)); inner.errors == 0 {
			t.Errorf("%s: nothing was held against it", name)
		}
	}
}

func TestTruncatedAndStopping(t *testing.T) {
	t.Parallel()
	var read Read = func(r io.Reader, h statement.Handler) error {
		text, _ := io.ReadAll(r)
		if len(text)%2 != 0 {
			return statement.Refuse(statement.Place{Line: 1, Column: 1}, "an odd length")
		}
		return errors.Join(h.Notice(&statement.Notice{What: string(text)}))
	}
	text := []byte(strings.Repeat("x", 250))
	Truncated(t, text, read)
	Stopping(t, text, read)
}
