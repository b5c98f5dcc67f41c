// The messages of the extended protocol: Parse, Bind, Describe, Execute, Close.

package wire

import (
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

func (c *session) parse(m *pgproto3.Parse) error {
	if m.Name != "" && c.statements[m.Name] != nil {
		return refuse(codeDuplicateStatement, "prepared statement %q already exists", brief(m.Name))
	}
	if len(c.statements) >= maxStatements || c.preparedBytes()+len(m.Query) > maxPreparedBytes {
		return refuse(codeLimit, "%d prepared statements are open: close some of them", len(c.statements))
	}
	statements := split(m.Query)
	if len(statements) > 1 {
		return refuse(codeSyntax, "cannot insert multiple commands into a prepared statement")
	}
	p := &prepared{command: &command{isEmpty: true}}
	if len(statements) == 1 {
		var err error
		if p, err = c.prepare(m.Query, statements[0], m.ParameterOIDs); err != nil {
			return err
		}
	}
	c.statements[m.Name] = p
	c.send(&pgproto3.ParseComplete{})
	return nil
}

// preparedBytes returns how long the prepared statements are together.
func (c *session) preparedBytes() (n int) {
	for _, p := range c.statements {
		n += len(p.text)
	}
	return n
}

func (c *session) bind(m *pgproto3.Bind) error {
	p := c.statements[m.PreparedStatement]
	switch {
	case p == nil:
		return refuse(codeNoStatement, "prepared statement %q does not exist", brief(m.PreparedStatement))
	case m.DestinationPortal != "" && c.portals[m.DestinationPortal] != nil:
		return refuse(codeDuplicateCursor, "cursor %q already exists", brief(m.DestinationPortal))
	case len(c.portals) >= maxPortals:
		return refuse(codeLimit, "%d portals are open: close some of them", len(c.portals))
	case len(m.Parameters) != len(p.oids):
		return refuse(codeProtocol, "bind message supplies %d parameters, but the prepared statement requires %d", len(m.Parameters), len(p.oids))
	case !validFormats(m.ParameterFormatCodes, len(m.Parameters)), !validFormats(m.ResultFormatCodes, len(p.columns)):
		return refuse(codeProtocol, "bind message has invalid format codes")
	}
	literals := make([]string, len(m.Parameters))
	for i, bytes := range m.Parameters {
		var err error
		if literals[i], err = (value{p.oids[i], formatOf(m.ParameterFormatCodes, i), bytes}).literal(c.types); err != nil {
			return err
		}
	}
	sql := substitute(p.sql, p.parameters, literals)
	if err := checkLength(sql); err != nil {
		return err
	}
	c.closePortal(m.DestinationPortal)
	c.portals[m.DestinationPortal] = &portal{prepared: p, sql: sql, formats: m.ResultFormatCodes}
	c.send(&pgproto3.BindComplete{})
	return nil
}

// validFormats reports whether there are formats for so many values, or one for all.
func validFormats(formats []int16, values int) bool {
	for _, f := range formats {
		if f != pgproto3.TextFormat && f != pgproto3.BinaryFormat {
			return false
		}
	}
	return len(formats) <= 1 || len(formats) == values
}

func (c *session) describe(m *pgproto3.Describe) error {
	if m.ObjectType == 'P' {
		p := c.portals[m.Name]
		if p == nil {
			return refuse(codeNoPortal, "portal %q does not exist", brief(m.Name))
		}
		c.send(p.describe(p.formats))
		return nil
	}
	p := c.statements[m.Name]
	if p == nil {
		return refuse(codeNoStatement, "prepared statement %q does not exist", brief(m.Name))
	}
	c.send(&pgproto3.ParameterDescription{ParameterOIDs: p.oids})
	c.send(p.describe(nil))
	return nil
}

func (c *session) execute(m *pgproto3.Execute) error {
	p := c.portals[m.Portal]
	switch {
	case p == nil:
		return refuse(codeNoPortal, "portal %q does not exist", brief(m.Portal))
	case c.status == failedTransaction && (p.command == nil || !p.command.endsFailure):
		return &sqlError{code: codeInFailedTransaction, message: "current transaction is aborted, commands ignored until end of transaction block"}
	}
	return c.fetch(p, m.MaxRows)
}

func (c *session) close(m *pgproto3.Close) {
	if m.ObjectType == 'P' {
		c.closePortal(m.Name)
	} else {
		delete(c.statements, m.Name)
	}
	c.send(&pgproto3.CloseComplete{})
}

// deallocate closes a prepared statement, or all of them.
func (c *session) deallocate(name string) error {
	if name == "" {
		clear(c.statements)
		return nil
	}
	for known := range c.statements {
		if strings.EqualFold(known, name) {
			delete(c.statements, known)
			return nil
		}
	}
	return refuse(codeNoStatement, "prepared statement %q does not exist", brief(name))
}
