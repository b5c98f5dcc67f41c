// Reuse of databases by later sessions.

package duck

import (
	"sync"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// maxIdle bounds the databases that are kept for later sessions: as many as runs in flight may use at once, and no more, because each
// uses some memory.
const maxIdle = 6

// idle keeps databases of sessions that ended without an error, for later sessions with the same settings: creating one takes longer
// than most steps need. Only configuration remains in it: temporary views belong to the connection, and files are not cached.
var idle pool

// pool keeps databases by their settings, the least recently used first. The zero value is ready to use.
type pool struct {
	mu   sync.Mutex
	kept []idleDatabase
}

type idleDatabase struct {
	settings string
	db       duckdb.Database
}

// get removes a database with the settings from the pool and returns it, if there is one.
func (p *pool) get(settings string) (db duckdb.Database, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.kept) - 1; i >= 0; i-- {
		if k := p.kept[i]; k.settings == settings {
			p.kept = append(p.kept[:i], p.kept[i+1:]...)
			return k.db, true
		}
	}
	return db, false
}

// put adds a database, and closes the least recently used ones if there are too many.
func (p *pool) put(settings string, db duckdb.Database) {
	p.mu.Lock()
	p.kept = append(p.kept, idleDatabase{settings, db})
	var evicted []idleDatabase
	if over := len(p.kept) - maxIdle; over > 0 {
		evicted = append(evicted, p.kept[:over]...)
		p.kept = append([]idleDatabase(nil), p.kept[over:]...)
	}
	p.mu.Unlock()
	for _, k := range evicted {
		duckdb.Close(&k.db)
	}
}
