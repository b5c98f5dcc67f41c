// The open file, which is opened again after an error that DuckDB does not continue after.

package duckwarehouse

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"bursar/internal/duck"
	"bursar/internal/failure"
)

// instance is an open file. After a fatal error, such as a checkpoint on a full disk, DuckDB refuses everything until the file is opened again.
type instance struct {
	options duck.Options

	mu       sync.Mutex
	db       *duck.Database // nil: opening it again has failed
	sessions int
	failed   bool
}

// session starts a session, which must be ended.
func (i *instance) session() (*duck.Session, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed {
		if err := i.reopen(); err != nil {
			return nil, err
		}
	}
	s, err := i.db.Session()
	if err != nil {
		return nil, err
	}
	i.sessions++
	return s, nil
}

// end closes a session, which rolls back what it has not committed.
func (i *instance) end(s *duck.Session) {
	s.Close()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sessions--
}

// reopen does not wait for the sessions that are open, because the user of one of them may be who needs another.
func (i *instance) reopen() error {
	if i.sessions > 0 {
		return &failedError{}
	}
	i.close()
	db, err := open(i.options)
	if err != nil {
		return fmt.Errorf("open warehouse again: %w", err)
	}
	i.db, i.failed = db, false
	return nil
}

func open(o duck.Options) (*duck.Database, error) {
	db, err := duck.OpenDatabase(o)
	err = damage(o.File, err)
	var message duck.Error
	if errors.As(err, &message) && failure.Of(err) == failure.Bug {
		err = failure.Wrap(failure.Data, err) // a file that cannot be read
	}
	return db, err
}

func (i *instance) close() {
	if i.db != nil {
		i.db.Close()
		i.db = nil
	}
}

// after returns what the error of a transaction means for it, and notes an error after which the file must be opened again.
func (i *instance) after(err error) error {
	if !isFatal(err) {
		return damage(i.options.File, err)
	}
	i.mu.Lock()
	i.failed = true
	i.mu.Unlock()
	switch text := err.Error(); {
	case strings.Contains(text, "Transaction COMMIT succeeded and is durable"):
		return nil // what followed the commit has failed
	case strings.Contains(text, "because of a previous fatal error"):
		return &failedError{err}
	}
	return damage(i.options.File, err)
}

func isFatal(err error) bool {
	var message duck.Error
	return errors.As(err, &message) && strings.HasPrefix(string(message), "FATAL Error")
}

// failedError is the error of a transaction when another one has met a fatal error.
type failedError struct{ cause error }

func (*failedError) Error() string {
	return "the warehouse has failed in another transaction, and is opened again when all of them have ended"
}
func (e *failedError) Unwrap() error      { return e.cause }
func (*failedError) Class() failure.Class { return failure.Transient }
