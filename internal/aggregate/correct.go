// Entries of a statement that does not hold, of which the import has a later version that lists others.

package aggregate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"bursar/internal/duck"
	"bursar/internal/event"
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
	if err != nil || len(broken) == 0 {
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

// brokenStatements are the stored statements that do not hold by themselves.
func (r *reading) brokenStatements(ctx context.Context) (broken []*stated, err error) {
	batches, err := event.Batches(ctx, r.Catalog, project.StatementStream, 0)
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	if err := event.CheckObjects(ctx, r.Objects, batches, r.Duck.Threads); err != nil {
		return nil, err
	}
	list := make([]string, len(statementColumns))
	for i, name := range statementColumns {
		list[i] = fmt.Sprintf("CAST(%s AS VARCHAR)", name)
	}
	sql := fmt.Sprintf("SELECT %s FROM (%s) WHERE fault IS NOT NULL", strings.Join(list, ", "), event.ViewSQL(r.Objects, r.Project.Stream(project.StatementStream), batches))
	err = rowsOf(ctx, r.Duck, sql, func(row []string) error {
		v := map[string]string{}
		for i, name := range statementColumns {
			v[name] = row[i]
		}
		broken = append(broken, statedOf(v))
		return nil
	})
	return broken, err
}

// versionsOf finds the later versions that the import has: the object of each.
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
			var by *stated
			if by, err = spooledStatement(line); err == nil {
				by.correct(broken, found)
			}
		}
		if wrong := in.Close(); !errors.Is(err, io.EOF) || wrong != nil {
			return nil, fmt.Errorf("read rows again: %w", errors.Join(err, wrong))
		}
	}
	return found, nil
}

// spooledStatement reads a row of the stream of statements.
func spooledStatement(line []byte) (*stated, error) {
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
	return statedOf(v), nil
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
