// Statements that the session answers itself: transactions in name only, and settings, which have no effect.

package wire

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// command is such a statement.
type command struct {
	isEmpty     bool
	endsFailure bool // it may be executed in a failed transaction
	columns     []warehouse.Column
	run         func(c *session) (tag string, rows []string, err error) // at most one row
}

func (c *session) runCommand(p *portal) error {
	if p.command.isEmpty {
		c.send(&pgproto3.EmptyQueryResponse{})
		return nil
	}
	tag, row, err := p.command.run(c)
	if err != nil {
		return err
	}
	if p.columns != nil {
		values := make([][]byte, len(row))
		for i, text := range row {
			values[i] = []byte(text)
		}
		c.send(&pgproto3.DataRow{Values: values})
	}
	p.tag = tag
	c.send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	return nil
}

// done returns a command that only has a tag.
func done(tag string) *command {
	return &command{run: func(*session) (string, []string, error) { return tag, nil, nil }}
}

// writes are the first words of statements that write.
var writes = []string{
	"insert", "update", "delete", "merge", "truncate", "create", "drop", "alter", "copy", "attach", "detach", "install", "load", "import", "export", "grant", "revoke",
	"vacuum", "analyze", "checkpoint", "comment", "reindex", "refresh", "call", "do", "use", "pragma", "force", "update", "cluster", "lock", "replace",
}

// unsupported are the first words of statements of PostgreSQL that are not known here, with what to do.
var unsupported = map[string]string{
	"prepare": "use the prepared statements of the protocol", "execute": "use the prepared statements of the protocol", "explain": "",
	"declare": "use a fetch size of the protocol instead of a cursor", "fetch": "use a fetch size of the protocol instead of a cursor",
	"move": "use a fetch size of the protocol instead of a cursor", "listen": "", "notify": "",
}

// commandOf returns the command that a statement is; nil for a query.
func (c *session) commandOf(s statementText) (*command, error) {
	first := wordAt(s.tokens, 0)
	switch first {
	case "begin", "start":
		return c.begin(first), nil
	case "commit", "end":
		return c.end("COMMIT"), nil
	case "rollback", "abort":
		if slices.ContainsFunc(s.tokens, func(t token) bool { return t.is("to") }) {
			return toSavepoint(), nil
		}
		return c.end("ROLLBACK"), nil
	case "savepoint", "release", "unlisten":
		return done(strings.ToUpper(first)), nil
	case "discard":
		return &command{run: func(c *session) (string, []string, error) { return "DISCARD ALL", nil, c.deallocate("") }}, nil
	case "close":
		return done("CLOSE CURSOR"), nil
	case "deallocate":
		return deallocation(s.tokens), nil
	case "set", "reset":
		return c.setting(first, s.tokens)
	case "show":
		return c.show(s.tokens), nil
	}
	if hint, known := unsupported[first]; known {
		return nil, &sqlError{code: codeNotSupported, message: strings.ToUpper(first) + " is not supported", hint: hint}
	}
	if slices.Contains(writes, first) {
		return nil, &sqlError{code: codeReadOnly, message: "cannot execute " + strings.ToUpper(first) + ": the warehouse can only be read here"}
	}
	return nil, nil
}

func wordAt(tokens []token, i int) string {
	if i < len(tokens) && tokens[i].kind == word {
		return strings.ToLower(tokens[i].text)
	}
	return ""
}

func (c *session) begin(first string) *command {
	tag := map[string]string{"begin": "BEGIN", "start": "START TRANSACTION"}[first]
	return &command{run: func(c *session) (string, []string, error) {
		c.status = inTransaction
		return tag, nil, nil
	}}
}

// end ends a transaction. That of a failed one is undone.
func (c *session) end(tag string) *command {
	return &command{endsFailure: true, run: func(c *session) (string, []string, error) {
		if c.status == failedTransaction {
			tag = "ROLLBACK"
		}
		c.status = noTransaction
		return tag, nil, nil
	}}
}

func toSavepoint() *command {
	return &command{endsFailure: true, run: func(c *session) (string, []string, error) {
		if c.status == failedTransaction {
			c.status = inTransaction
		}
		return "ROLLBACK", nil, nil
	}}
}

func deallocation(tokens []token) *command {
	name := ""
	if last := tokens[len(tokens)-1]; !last.is("all") && len(tokens) > 1 {
		name = last.name()
	}
	return &command{run: func(c *session) (string, []string, error) { return "DEALLOCATE", nil, c.deallocate(name) }}
}

// text is a column of a command's row.
func textColumn(name string) []warehouse.Column {
	return []warehouse.Column{{Name: name, Type: column.Type{Kind: column.String}, SQL: "VARCHAR"}}
}
