package duck

import (
	"sync"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// maxIdle bounds the databases that are kept for later sessions: as many as runs in flight may use at once, and no more,
// because each holds some memory of its own.
const maxIdle = 6

// idle keeps databases from sessions that ended well to the next ones with the same settings: to make one takes longer than
// most of what a step asks of it. Nothing is left in it but its configuration: temporary views are the connection's, and
// files are not cached.
var idle pool

// pool keeps databases by their settings, the least recently used first. The zero value is ready.
type pool struct {
	mu   sync.Mutex
	kept []idleDatabase
}

type idleDatabase struct {
	settings string
	db       duckdb.Database
}

// get gives a database with the settings out, if there is one.
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

// put keeps a database, and closes another if there are too many.
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
