// SQL tasks: a statement on the warehouse.

package task

import (
	"context"

	"bursar/internal/failure"
)

type statement struct {
	*Executor
	sql *text
}

func (s *statement) execute(ctx context.Context, a *attempt) Outcome {
	const what = "execute the statement"
	sql, err := s.sql.render(a.values)
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
