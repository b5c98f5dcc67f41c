// The simple protocol: a text of statements, which are executed one after another.

package wire

import (
	"errors"

	"github.com/jackc/pgx/v5/pgproto3"
)

// simple executes the statements of a text, one after another, until one fails.
func (c *session) simple(sql string) error {
	statements := split(sql)
	if len(statements) == 0 {
		c.send(&pgproto3.EmptyQueryResponse{})
	}
	c.closePortal("")
	delete(c.statements, "")
	for _, s := range statements {
		err := c.simpleStatement(sql, s)
		var known *sqlError
		switch {
		case err == nil:
			continue
		case !errors.As(err, &known):
			return err
		case known.fatal:
			return known
		}
		c.sendError(known)
		break
	}
	if c.status == noTransaction {
		c.closePortals()
	}
	c.ready()
	return nil
}

func (c *session) simpleStatement(text string, s statementText) error {
	p, err := c.prepare(text, s, nil)
	if err != nil {
		return err
	}
	if len(p.parameters) > 0 {
		return refuse("42P02", "there is no parameter %s", p.parameters[0].text)
	}
	if p.columns != nil {
		c.send(p.describe(nil))
	}
	portal := &portal{prepared: p, sql: p.sql}
	defer portal.close()
	return c.fetch(portal, 0)
}
