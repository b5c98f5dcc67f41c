// A database in a file, which several sessions of this process use at a time.

package duck

import "errors"

// Database is a database in a file. One process at a time opens it: DuckDB locks the file. A transaction of a session reads what was
// committed before it began, beside sessions that write.
type Database struct{ first *Session }

// OpenDatabase opens the database in the file of the options, which is created if it is missing. Its sessions have the other options.
func OpenDatabase(o Options) (*Database, error) {
	if o.File == "" {
		return nil, errors.New("bug: a database for several sessions needs a file")
	}
	first, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Database{first}, nil
}

// Session starts a session. It must be closed before the database.
func (d *Database) Session() (*Session, error) {
	s := &Session{db: d.first.db, settings: d.first.settings, notReusable: true, shared: true, bindTimeout: bindTimeout}
	err := s.connect()
	return s, err
}

// Close closes the database. What was committed is in its file.
func (d *Database) Close() { d.first.Close() }
