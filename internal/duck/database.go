// A database in a file, which several sessions of this process use at a time.

package duck

// Database is a database in a file. One process at a time opens it: DuckDB locks the file. A transaction of a session reads what was
// committed before it began, beside sessions that write.
type Database struct{ first *Session }

// OpenDatabase opens the database in a file, which is created if it is missing. Its sessions have these options.
func OpenDatabase(path string, o Options) (*Database, error) {
	first, err := open(path, settings(o))
	if err != nil {
		return nil, err
	}
	first.notReusable = true
	return &Database{first}, nil
}

// Session starts a session. It must be closed before the database.
func (d *Database) Session() (*Session, error) {
	s := newSession(d.first.db, d.first.settings)
	s.shared = true
	return s, s.connect()
}

// Close closes the database. What was committed is in its file.
func (d *Database) Close() { d.first.Close() }
