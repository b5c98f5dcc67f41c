// SQL tasks: a statement on the warehouse.

package task

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/failure"
)

type statement struct {
	*Executor
	sql *text
}

func newStatement(e *Executor, p *parser) *statement {
	s := &statement{e, p.sql("task.sql", e.job.Task.SQL)}
	if s.sql != nil {
		if sql, err := s.sql.render(s.sql.sample()); err == nil { // else it depends on the values
			if err := checkTransaction(sql); err != nil {
				p.fail("task.sql", err)
			}
		}
	}
	return s
}

// transactionWords begin statements that begin or end a transaction. What is executed and the record of it would not be one any more.
var transactionWords = []string{"abort", "begin", "commit", "end", "release", "rollback", "savepoint", "start"}

// checkTransaction refuses statements that begin or end a transaction.
func checkTransaction(sql string) error {
	p, begins := &placer{in: sql}, true
	for p.at < len(sql) {
		start := p.at
		if err := p.next(); err != nil {
			return err
		}
		part := sql[start:p.at]
		switch {
		case strings.TrimSpace(part) == "", strings.HasPrefix(part, "--"), strings.HasPrefix(part, "/*"):
		case part == ";":
			begins = true
		case begins:
			word := sql[start:]
			if end := strings.IndexFunc(word, func(r rune) bool { return r > 127 || !isNameByte(byte(r)) }); end >= 0 {
				word = word[:end]
			}
			if slices.Contains(transactionWords, strings.ToLower(word)) {
				return fmt.Errorf("%s is not supported: each task is one transaction, which records that it was executed", strings.ToUpper(word))
			}
			begins = false
		}
	}
	return nil
}

func (s *statement) execute(ctx context.Context, a *attempt) Outcome {
	const what = "execute the statement"
	sql, err := s.sql.render(a.values)
	if err == nil {
		if fault := checkTransaction(sql); fault != nil {
			err = badf("%s: %w", s.sql.place, fault)
		}
	}
	if err == nil && s.deps.SQL == nil {
		err = errMissing("a warehouse")
	}
	if err != nil {
		return a.failed(ctx, what, err)
	}
	err = s.deps.SQL(ctx, sql, a.Execution+" "+a.ID)
	switch {
	case err == nil:
		return Outcome{State: Done}
	case failure.Of(err) == failure.Transient && !notBegun(err):
		return a.unknown(ctx, what, err)
	}
	return a.failed(ctx, what, err)
}
