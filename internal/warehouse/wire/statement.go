// Prepared statements, and where they are executed: in the warehouse, in the catalog, or by the session itself.

package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"bursar/internal/warehouse"
	"bursar/internal/warehouse/duckwarehouse"
)

// maxStatement is the most bytes of a statement, with the values of its parameters: databases take far more time and memory for a long one than
// its rows need.
const maxStatement = 64 << 10

// maxStatements is the most prepared statements of a session, maxPreparedBytes how long they may be together, and maxPortals the most portals.
const maxStatements, maxPreparedBytes, maxPortals = 1000, 8 << 20, 100

// asking calls fn with what executes statements.
type asking func(ctx context.Context, fn func(context.Context, duckwarehouse.Asker) error) error

// prepared is a statement that was checked and described.
type prepared struct {
	command *command // what the session does itself; nil: a query
	asking  asking
	catalog bool // it is about the catalog

	text       string // that the client has sent, for places in errors
	at         int    // the byte of text where sql begins
	sql        string
	edits      []edit // of what the client has sent, if it is not about the catalog
	parameters []token
	oids       []uint32 // of the parameters
	columns    []warehouse.Column
	types      []pgType // of the columns
}

// describe returns the columns with the formats in which they are sent.
func (p *prepared) describe(formats []int16) pgproto3.BackendMessage {
	if p.columns == nil {
		return &pgproto3.NoData{}
	}
	fields := make([]pgproto3.FieldDescription, len(p.columns))
	for i, c := range p.columns {
		t := p.types[i]
		fields[i] = pgproto3.FieldDescription{Name: []byte(c.Name), DataTypeOID: t.oid, DataTypeSize: t.size, TypeModifier: t.modifier, Format: formatOf(formats, i)}
	}
	return &pgproto3.RowDescription{Fields: fields}
}

// prepare checks a statement and describes it, with the types of its parameters that the client knows.
func (c *session) prepare(text string, s statementText, oids []uint32) (*prepared, error) {
	if err := checkLength(s.sql); err != nil {
		return nil, err
	}
	command, err := c.commandOf(s)
	if err != nil {
		return nil, err
	}
	if c.status == failedTransaction && (command == nil || !command.endsFailure) {
		return nil, &sqlError{code: codeInFailedTransaction, message: "current transaction is aborted, commands ignored until end of transaction block"}
	}
	if command != nil {
		return &prepared{command: command, columns: command.columns, types: typesOf(command.columns, false)}, nil
	}
	ctx, stop := c.statementContext()
	defer stop(nil)
	defer c.interruptible(stop)()
	p, err := c.prepareQuery(ctx, text, s, oids)
	return p, shown(s.tokens, c.known(ctx, err))
}

// shown returns the error of a statement; that of a SHOW of a table that does not exist is as PostgreSQL's, which only shows settings.
func shown(tokens []token, err error) error {
	var e *sqlError
	if wordAt(tokens, 0) == "show" && errors.As(err, &e) && e.code == codeNoTable {
		return &sqlError{code: codeNoSetting, message: e.message + ", and is not a configuration parameter either"}
	}
	return err
}

func checkLength(sql string) error {
	if len(sql) > maxStatement {
		return refuse(codeLimit, "the statement has %d bytes, with the values of its parameters; %d are the most", len(sql), maxStatement)
	}
	return nil
}

// prepareQuery prepares a statement of the catalog, if it is about the catalog, or else one of the warehouse.
func (c *session) prepareQuery(ctx context.Context, text string, s statementText, oids []uint32) (*prepared, error) {
	db, err := c.server.o.Open(ctx)
	if err != nil {
		return nil, err
	}
	p := &prepared{text: text, at: s.at, asking: db.Asking}
	p.sql, p.edits = forWarehouse(s)
	if !aboutCatalog(s.tokens) {
		err := p.check(ctx, oids)
		return p, err
	}
	ofCatalog := &prepared{text: text, at: s.at, sql: forCatalog(s), asking: c.server.catalogs.asking(db), catalog: true}
	errCatalog := ofCatalog.check(ctx, oids)
	if errCatalog == nil {
		return ofCatalog, nil
	}
	var about *sqlError
	if !errors.As(errCatalog, &about) {
		return nil, errCatalog
	}
	if err = p.check(ctx, oids); err == nil || about.code == codeNoTable && !namesCatalog(s.tokens) {
		return p, err
	}
	about.position = 0 // it is that of the statement as it is written for the catalog
	return nil, about
}

// check checks the statement with nulls in place of its parameters, and describes it: with parameters of the types that the client has given, or that
// the database expects.
func (p *prepared) check(ctx context.Context, oids []uint32) (err error) {
	var count int
	tokens := scan(p.sql)
	if p.parameters, count, err = parametersOf(tokens); err != nil {
		return err
	}
	lists, single := listParameters(p.sql, tokens)
	p.oids = make([]uint32, max(count, len(oids)))
	copy(p.oids, oids)
	return p.asking(ctx, func(ctx context.Context, a duckwarehouse.Asker) error {
		untyped := make([]string, len(p.oids))
		for i := range untyped {
			untyped[i] = map[bool]string{true: "[NULL]", false: "NULL"}[lists[i+1]]
		}
		sql := substitute(p.sql, p.parameters, untyped)
		p.columns, err = a.Describe(ctx, sql)
		if err == nil && count > 0 {
			sql, err = p.describeTyped(ctx, a, lists, single)
		}
		p.types = typesOf(p.columns, p.catalog)
		return p.located(err, sql)
	})
}

// describeTyped sets the types of parameters that the client has left open, and then the columns. It returns what was described. single is the
// statement with single values in the places of lists.
func (p *prepared) describeTyped(ctx context.Context, a duckwarehouse.Asker, lists map[int]bool, single string) (sql string, err error) {
	inferred, _, err := a.DescribePrepared(ctx, single)
	if err != nil {
		return single, err
	}
	casts, nulls := make([]string, len(p.oids)), make([]string, len(p.oids))
	for i, oid := range p.oids {
		if oid == 0 || oid == pgtype.UnknownOID {
			p.oids[i] = p.oidOf(inferred[strconv.Itoa(i+1)], lists[i+1])
		}
		casts[i] = fmt.Sprintf("CAST($%d AS %s)", i+1, cmp.Or(sqlTypes[p.oids[i]], "VARCHAR"))
		nulls[i] = nullOf(p.oids[i])
	}
	sql = substitute(p.sql, p.parameters, casts)
	_, columns, err := a.DescribePrepared(ctx, sql)
	if err == nil && len(columns) == len(p.columns) {
		p.columns = columns
		return sql, nil
	}
	sql = substitute(p.sql, p.parameters, nulls) // DuckDB does not describe some statements with parameters
	p.columns, err = a.Describe(ctx, sql)
	return sql, err
}

// oidOf returns the type of a parameter for DuckDB's name of its type, or for that of the values of the list that it is.
func (p *prepared) oidOf(sqlType string, isList bool) uint32 {
	other := uint32(pgtype.TextOID)
	if isList {
		sqlType, other = sqlType+"[]", pgtype.TextArrayOID
	}
	if oid := catalogOIDs[sqlType]; p.catalog && oid != 0 {
		return oid
	}
	return cmp.Or(oidOf(sqlType), other)
}

// located adds the place of a fault that is known, if it is in the text of the client.
func (p *prepared) located(err error, executed string) error {
	var about *warehouse.StatementError
	if !errors.As(err, &about) {
		return err
	}
	e := statementError(about)
	if executed != p.sql {
		return e // with values in it
	}
	if at, ok := byteAt(executed, about.Line, about.Column); ok {
		e.position = utf8.RuneCountInString(p.text[:p.at+origin(p.edits, at)]) + 1
	}
	return e
}
