// Package duck runs SQL over typed columns in DuckDB: new in-memory sessions with a memory limit and scratch space, without access to the
// network or to files outside of the allowed folders. It returns results as column vectors and binds expressions without running them.
// It must not parse or check input: DuckDB's own readers round and guess (rule 2).
package duck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Options configure a session. Zero values choose DuckDB's defaults for memory and threads.
type Options struct {
	Memory    string   // such as "800MB"
	Threads   int      //
	Scratch   string   // folder to spill to; empty forbids spilling
	Dirs      []string // folders whose files queries may read and write
	File      string   // the database, created if missing; empty for a database in memory
	Unordered bool     // results without ORDER BY, and tables, need not keep the order of their source
}

// Session is a connection to a DuckDB database, for one goroutine at a time.
type Session struct {
	db           duckdb.Database
	conn         duckdb.Connection
	settings     string
	notReusable  bool // its database is a file, a statement failed, or it changed the database
	shared       bool // its database belongs to a Database
	showsValues  bool // in errors
	abandoned    bool // a binding is still running in its database
	bindTimeout  time.Duration
	macros       map[string]bool   // that statements of people may call
	macroSchemas map[string]bool   // where they are, beside main
	explain      func(error) error // of the files that are read; may be nil
}

// ExplainWith passes the errors of statements through a function that knows the files that they read.
func (s *Session) ExplainWith(explain func(error) error) { s.explain = explain }

// ShowValues leaves values in the messages of errors, for statements of a person who may see what they read. They must not be written to
// histories of workflows (rule 7).
func (s *Session) ShowValues() { s.showsValues = true }

// Open starts a session and locks its configuration.
func Open(o Options) (*Session, error) {
	s := &Session{settings: settings(o), notReusable: o.File != "", bindTimeout: bindTimeout}
	if o.File == "" {
		if db, ok := idle.get(s.settings); ok {
			s.db = db
			err := s.connect()
			return s, err
		}
	}
	var message string
	if duckdb.OpenExt(cmp.Or(o.File, ":memory:"), &s.db, duckdb.Config{}, &message) != duckdb.StateSuccess {
		return nil, fmt.Errorf("open duckdb: %w", redact(message))
	}
	if err := s.connect(); err != nil {
		return nil, err
	}
	if err := s.exec(context.Background(), s.settings); err != nil {
		s.Close()
		return nil, fmt.Errorf("configure duckdb: %w", err)
	}
	return s, nil
}

func (s *Session) connect() error {
	if duckdb.Connect(s.db, &s.conn) != duckdb.StateSuccess {
		if !s.shared {
			duckdb.Close(&s.db)
		}
		return errors.New("open duckdb: no connection")
	}
	return nil
}

func settings(o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SET GLOBAL TimeZone='UTC'; SET preserve_insertion_order=%t; ", !o.Unordered)
	if o.Threads > 0 {
		fmt.Fprintf(&b, "SET threads=%d; ", o.Threads)
	}
	if o.Memory != "" {
		fmt.Fprintf(&b, "SET memory_limit=%s; ", Literal(o.Memory))
	}
	fmt.Fprintf(&b, "SET temp_directory=%s; ", Literal(o.Scratch))
	if o.Scratch != "" {
		o.Dirs = append([]string{o.Scratch}, o.Dirs...)
	}
	dirs := make([]string, len(o.Dirs))
	for i, d := range o.Dirs {
		dirs[i] = Literal(d)
	}
	fmt.Fprintf(&b, "SET allowed_directories=[%s]; ", strings.Join(dirs, ", "))
	b.WriteString("SET enable_external_file_cache=false; SET enable_external_access=false; SET lock_configuration=true")
	return b.String()
}

// Literal quotes a text for SQL.
func Literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Close ends the session. Its database is freed, or kept for another session.
func (s *Session) Close() {
	if s.abandoned {
		return
	}
	duckdb.Disconnect(&s.conn)
	if s.shared {
		return
	}
	if s.notReusable {
		duckdb.Close(&s.db)
		return
	}
	idle.put(s.settings, s.db)
}

// Exec runs one or more statements. Cancelling ctx interrupts them.
func (s *Session) Exec(ctx context.Context, sql string) error {
	if !strings.HasPrefix(sql, "CREATE TEMP VIEW ") {
		s.notReusable = true
	}
	return s.exec(ctx, sql)
}

func (s *Session) exec(ctx context.Context, sql string) error {
	_, err := s.change(ctx, sql)
	return err
}

// Change runs one statement and returns how many rows it inserted, changed or deleted.
func (s *Session) Change(ctx context.Context, sql string) (rows int64, err error) {
	s.notReusable = true
	return s.change(ctx, sql)
}

func (s *Session) change(ctx context.Context, sql string) (rows int64, err error) {
	defer s.interruptOn(ctx)()
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(s.conn, sql, &res) != duckdb.StateSuccess {
		return 0, s.failure(ctx, duckdb.ResultError(&res))
	}
	return int64(duckdb.RowsChanged(&res)), nil
}

// interruptAgain is the time between two interruptions of a statement.
const interruptAgain = 10 * time.Millisecond

// interruptOn interrupts the running statement when ctx is done, and again until it has ended: DuckDB forgets an interruption when it begins to
// execute what it has prepared. The returned function stops that, and waits for an interruption in progress: it must not reach a connection
// that is closed meanwhile.
func (s *Session) interruptOn(ctx context.Context) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(done)
		again := time.NewTicker(interruptAgain)
		defer again.Stop()
		for {
			duckdb.Interrupt(s.conn)
			select {
			case <-ended:
				return
			case <-again.C:
			}
		}
	})
	return func() {
		close(ended)
		if !unwatch() {
			<-done
		}
	}
}

func (s *Session) failure(ctx context.Context, message string) error {
	s.notReusable = true
	if err := ctx.Err(); err != nil {
		return err
	}
	short := redact(message)
	if s.showsValues && short.CausedByValue() {
		short = Error(strings.TrimSpace(message))
	}
	if s.explain != nil {
		return s.explain(short)
	}
	return short
}

// units of DuckDB: powers of 1000, with an i powers of 1024.
var units = map[string]int64{
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseMemory parses a memory limit; 0 if it is not valid.
func ParseMemory(limit string) int64 {
	text := strings.ToLower(strings.ReplaceAll(limit, " ", ""))
	number := strings.TrimRight(text, "kmgtib")
	n, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0
	}
	n.Mul(n, new(big.Rat).SetInt64(units[text[len(number):]]))
	return new(big.Int).Quo(n.Num(), n.Denom()).Int64()
}

// MemoryText formats a memory limit.
func MemoryText(bytes int64) string { return fmt.Sprintf("%dKiB", bytes>>10) }

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
