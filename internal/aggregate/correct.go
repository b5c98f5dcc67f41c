// Entries of a statement that does not hold, of which the import has a later version that lists others.

package aggregate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"bursar/internal/catalog"
	"bursar/internal/duck"
	"bursar/internal/project"
)

// stated is a statement and what its entries name it by.
type stated struct {
	told
	servicer, account, currency string
}

func statedOf(v map[string]string) *stated {
	s := &stated{servicer: v["servicer"], account: v["account"], currency: v["currency"]}
	s.told = *toldOf(v)
	return s
}

// corrected are the stored entries and details of statements that do not hold, on days for which the import has a later version that proves
// itself and does not list them.
func (r *reading) corrected(ctx context.Context) ([]backSpool, error) {
	broken, err := r.brokenStatements(ctx)
	if err != nil {
		return nil, err
	}
	versions, err := r.versionsOf(broken)
	if err != nil {
		return nil, err
	}
	var spools []backSpool
	for _, stream := range []string{project.EntryStream, project.DetailStream} {
		if len(versions) == 0 {
			break
		}
		files, where := map[string]*File{}, []string{}
		for s, by := range versions {
			files[by] = nil
			where = append(where, fmt.Sprintf("(object = %s AND servicer = %s AND account = %s AND currency = %s AND kind = %s AND coalesce(statement, '') = %s AND day BETWEEN %s AND %s)",
				duck.Literal(s.Object), duck.Literal(s.servicer), duck.Literal(s.account), duck.Literal(s.currency), duck.Literal(s.Kind), duck.Literal(s.label),
				duck.Literal(s.From), duck.Literal(s.To)))
		}
		has, err := r.idsOf(stream, files)
		if err != nil {
			return nil, err
		}
		rows, err := r.without(ctx, stream, strings.Join(where, " OR "), has)
		if err != nil {
			return nil, err
		}
		back, err := r.spoolBack("corrected", stream, rows)
		if err != nil {
			return nil, err
		}
		spools = append(spools, back...)
	}
	return spools, nil
}

const brokenPrefix = "statements/broken/"

// brokenStatements are the statements of earlier imports that do not hold by themselves.
func (r *reading) brokenStatements(ctx context.Context) (broken []*stated, err error) {
	err = r.Catalog.View(ctx, func(tx catalog.Tx) error {
		broken = nil
		return tx.List(brokenPrefix, func(_ string, value json.RawMessage) error {
			var row map[string]string
			if err := json.Unmarshal(value, &row); err != nil {
				return fmt.Errorf("read which statements do not hold: %w", err)
			}
			broken = append(broken, statedOf(row))
			return nil
		})
	})
	return broken, err
}

// versionsOf finds the later versions that the import has, the object of each, and notes its own statements that do not hold.
func (r *reading) versionsOf(broken []*stated) (map[*stated]string, error) {
	found := map[*stated]string{}
	for _, s := range r.spools {
		in, err := os.Open(s.files[project.StatementStream].path)
		if err != nil {
			return nil, fmt.Errorf("read rows again: %w", err)
		}
		lines := bufio.NewReaderSize(in, 1<<16)
		for err == nil {
			var line []byte
			if line, err = lines.ReadBytes('\n'); err != nil {
				break
			}
			faulty := bytes.Contains(line, []byte(`"fault":`))
			if !faulty && len(broken) == 0 {
				continue
			}
			var row map[string]string
			if row, err = spooledStatement(line); err != nil {
				break
			}
			if faulty {
				r.broken[row["id"]] = row
			} else {
				statedOf(row).correct(broken, found)
			}
		}
		if wrong := in.Close(); !errors.Is(err, io.EOF) || wrong != nil {
			return nil, fmt.Errorf("read rows again: %w", errors.Join(err, wrong))
		}
	}
	return found, nil
}

// rememberBroken keeps the statements of the import that do not hold: a later import may have the right version.
func (r *reading) rememberBroken(tx catalog.Tx) error {
	for id, row := range r.broken {
		if err := tx.Put(brokenPrefix+id, row); err != nil {
			return err
		}
	}
	return nil
}

// spooledStatement reads a row of the stream of statements.
func spooledStatement(line []byte) (map[string]string, error) {
	var row map[string]any
	d := json.NewDecoder(strings.NewReader(string(line)))
	d.UseNumber()
	if err := d.Decode(&row); err != nil {
		return nil, err
	}
	v := map[string]string{}
	for name, value := range row {
		switch value := value.(type) {
		case string:
			v[name] = value
		case json.Number:
			v[name] = value.String()
		case bool:
			v[name] = strconv.FormatBool(value)
		}
	}
	return v, nil
}

// correct notes the statements of the same days that it is a later version of, if it proves itself.
func (s *stated) correct(broken []*stated, found map[*stated]string) {
	if state, _ := s.alone(); !s.balanced() || state != Proven {
		return
	}
	for _, b := range broken {
		same := s.servicer == b.servicer && s.account == b.account && s.currency == b.currency && s.Kind == b.Kind && s.From == b.From && s.To == b.To
		if same && s.Object != b.Object && s.versionOf(&b.told) {
			found[b] = s.Object
		}
	}
}
