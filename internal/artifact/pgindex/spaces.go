// The tables of the index: one of entries for each generation, and two that list generations and loads.
//
// A generation has a table of its own, so that dropping it takes no time and no lock that readers of other generations wait for:
// dropping or creating a partition of one table locks all of it. The name of a table is never used again. A reader that knows
// the table of a dropped generation gets an error, and never the entries of the one that replaced it.

package pgindex

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"bursar/internal/artifact"
	"bursar/internal/postgres"
)

var component = postgres.Component{
	Name: "index", Version: 1, Tables: []string{"index_spaces", "index_loads"}, Prefix: tablePrefix,
	Create: `
CREATE TABLE index_spaces (
	pipeline   text COLLATE "C" NOT NULL,
	generation int8 NOT NULL,
	entries    text COLLATE "C" NOT NULL UNIQUE,
	PRIMARY KEY (pipeline, generation)
);
COMMENT ON TABLE index_spaces IS 'a generation of a pipeline, and the name of its table of index entries';
CREATE TABLE index_loads (
	entries   text COLLATE "C" NOT NULL,
	run       int8 NOT NULL,
	first_key bytea NOT NULL,
	count     int8 NOT NULL
);
CREATE UNIQUE INDEX index_loads_order ON index_loads (entries, run DESC, first_key);
COMMENT ON TABLE index_loads IS 'how many entries were loaded at once into a table of index entries'`,
}

// Rows are only inserted, but for a load that replaces another, so pages of the table are filled completely and vacuum only
// freezes them. The first run of a generation usually fills most of the index, in order: the room that it leaves saves most
// of the page splits of the next runs, a third of the time of their loads. The columns are in an order without padding.
const createEntries = `
CREATE TABLE %[1]s (
	run      int8 NOT NULL,
	"offset" int8 NOT NULL,
	part     int4 NOT NULL,
	length   int4 NOT NULL,
	crc      int4 NOT NULL,
	key      bytea NOT NULL,
	rest     bytea
);
CREATE UNIQUE INDEX %[1]s_k ON %[1]s (key, run DESC) WITH (fillfactor = 70)`

// tablePrefix is the beginning of the names of tables of entries.
const tablePrefix = "index_"

// table returns the name of a generation's table of entries, or "" if there is none.
func (x *Index) table(ctx context.Context, space artifact.Space) (string, error) {
	known, _ := x.tables.Load(space)
	if table, ok := known.(string); ok {
		return table, nil
	}
	if err := checkSpace(space); err != nil {
		return "", err
	}
	var table string
	err := x.rows(ctx, `SELECT entries FROM index_spaces WHERE pipeline = $1 AND generation = $2`,
		[]any{space.Pipeline, int64(space.Generation)},
		func() { table = "" }, func(values [][]byte) error { table = string(values[0]); return nil })
	if err == nil && table != "" {
		x.tables.Store(space, table)
	}
	return table, err
}

// createSpace creates the table of a generation, unless another process has done so: it waits for another transaction that creates the
// same generation, and the primary key of index_spaces decides.
func createSpace(ctx context.Context, tx pgx.Tx, space artifact.Space, table string) error {
	added, err := tx.Exec(ctx, `INSERT INTO index_spaces (pipeline, generation, entries) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		space.Pipeline, int64(space.Generation), table)
	if err != nil || added.RowsAffected() == 0 {
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(createEntries, table))
	return err
}

// Drop removes a generation. It waits for its loads in progress, and removes one table, whatever its size.
func (x *Index) Drop(ctx context.Context, space artifact.Space) error {
	err := checkSpace(space)
	if err == nil {
		err = x.idempotent(ctx, func(ctx context.Context, tx pgx.Tx) error { return dropSpace(ctx, tx, space) })
	}
	x.tables.Delete(space)
	return wrap(ctx, err, space, "drop index")
}

func dropSpace(ctx context.Context, tx pgx.Tx, space artifact.Space) error {
	var table string
	err := tx.QueryRow(ctx, `DELETE FROM index_spaces WHERE pipeline = $1 AND generation = $2 RETURNING entries`,
		space.Pipeline, int64(space.Generation)).Scan(&table)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM index_loads WHERE entries = $1`, table)
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DROP TABLE IF EXISTS `+table)
	}
	return err
}

// idempotent is InTransaction for a transaction that may be committed twice: it is repeated once if its outcome is unknown.
func (x *Index) idempotent(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	err := x.pool.InTransaction(ctx, pgx.TxOptions{}, fn)
	if errors.Is(err, postgres.ErrOutcomeUnknown) && ctx.Err() == nil {
		err = x.pool.InTransaction(ctx, pgx.TxOptions{}, fn)
	}
	return err
}

// newTableName returns a name that was never used, needs no quotes, and with the suffix of its index is shorter than the 63 bytes
// to which PostgreSQL cuts names. It begins with the pipeline's name and the generation, for people who look at the database.
func newTableName(space artifact.Space) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, space.Pipeline)
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf(tablePrefix+"%.20s_%d_%x", name, space.Generation, random)
}

// checkSpace refuses what the columns of index_spaces cannot store.
func checkSpace(space artifact.Space) error {
	if space.Pipeline == "" || strings.ContainsRune(space.Pipeline, 0) || !utf8.ValidString(space.Pipeline) {
		return fmt.Errorf("pipeline name %q is not a valid name", space.Pipeline)
	}
	return checkNumber("generation", space.Generation)
}
