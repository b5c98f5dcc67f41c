// Errors as clients see them, with PostgreSQL's codes.

package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// SQLSTATE codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	codeWarning             = "01000"
	codeProtocol            = "08P01"
	codeNotSupported        = "0A000"
	codeData                = "22000"
	codeOutOfRange          = "22003"
	codeInvalidText         = "22P02"
	codeInvalidBinary       = "22P03"
	codeReadOnly            = "25006"
	codeInFailedTransaction = "25P02"
	codeNoStatement         = "26000"
	codeNotAuthorized       = "28000"
	codeWrongPassword       = "28P01"
	codeNoPortal            = "34000"
	codeNoRight             = "42501"
	codeSyntax              = "42601"
	codeNoColumn            = "42703"
	codeNoSetting           = "42704"
	codeAmbiguous           = "42000"
	codeNoFunction          = "42883"
	codeDuplicateCursor     = "42P03"
	codeDuplicateStatement  = "42P05"
	codeNoTable             = "42P01"
	codeOutOfMemory         = "53200"
	codeDiskFull            = "53100"
	codeTooManyConnections  = "53300"
	codeLimit               = "54000"
	codeCanceled            = "57014"
	codeShutdown            = "57P01"
	codeUnavailable         = "57P03"
	codeInternal            = "XX000"
)

// sqlError is an error that a client gets as it is.
type sqlError struct {
	code, message, hint string
	position            int // the character of the text where the fault is, from 1; 0 if unknown
	fatal               bool
}

func (e *sqlError) Error() string { return e.message }

// Class is Data: the same statement fails again.
func (e *sqlError) Class() failure.Class { return failure.Data }

func (e *sqlError) response() *pgproto3.ErrorResponse {
	severity := "ERROR"
	if e.fatal {
		severity = "FATAL"
	}
	return &pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: e.code, Message: e.message, Hint: e.hint, Position: int32(e.position)}
}

// Causes why a statement is interrupted.
var (
	errCanceled = errors.New("canceling statement due to user request")
	errShutdown = errors.New("canceling statement because `bursar up` stops")
)

// timeoutError is the cause when a statement takes too long.
type timeoutError struct{ text string }

func (e *timeoutError) Error() string {
	return "canceling statement due to statement timeout: it takes longer than " + e.text
}

// clientError returns what a client may see of an error. ctx is that of the statement. It is nil for an error that a client must not see, because it may
// contain paths, or is about the server.
func clientError(ctx context.Context, err error) *sqlError {
	var known *sqlError
	var about *warehouse.StatementError
	var message duck.Error
	switch cause := context.Cause(ctx); {
	case errors.As(err, &known):
		return known
	case cause != nil:
		return canceled(cause)
	case errors.As(err, &about):
		return statementError(about)
	case errors.Is(err, warehouse.ErrInfinite):
		return &sqlError{code: codeOutOfRange, message: warehouse.ErrInfinite.Error()}
	case errors.As(err, &message) && message.Class() == failure.Data:
		return &sqlError{code: codeOutOfMemory, message: "the statement needs more memory than `memory` in bursar.yaml allows"}
	case errors.As(err, &message) && message.Class() == failure.Transient:
		return &sqlError{code: codeDiskFull, message: "the disk of the server is too full for temporary files"}
	case failure.Of(err) == failure.Transient:
		return &sqlError{code: codeUnavailable, message: "the warehouse cannot be read at the moment; try again later"}
	}
	return nil
}

func canceled(cause error) *sqlError {
	e := &sqlError{code: codeCanceled, message: cause.Error()}
	var timeout *timeoutError
	switch {
	case errors.Is(cause, errShutdown):
		e.code, e.fatal = codeShutdown, true
	case errors.As(cause, &timeout):
		e.hint = "the key `timeout` of `warehouse` in bursar.yaml is the limit"
	}
	return e
}

// kinds are the codes of DuckDB's messages, by their beginnings. More special ones are before others.
var kinds = []struct{ begin, within, code string }{
	{"Parser Error", "", codeSyntax},
	{"syntax error", "", codeSyntax},
	{"Binder Error", "Referenced column", codeNoColumn},
	{"Binder Error", "does not have a column", codeNoColumn},
	{"Binder Error", "No function matches", codeNoFunction},
	{"Catalog Error: Table", "", codeNoTable},
	{"Catalog Error", "Function", codeNoFunction},
	{"Catalog Error", "Type", codeNoSetting},
	{"Binder Error", "", codeAmbiguous},
	{"Catalog Error", "", codeAmbiguous},
	{"Conversion Error", "", codeInvalidText},
	{"Out of Range Error", "", codeOutOfRange},
	{"Invalid Input Error", "", codeData},
	{"Not implemented Error", "", codeNotSupported},
	{"Permission Error", "", codeNoRight},
	{"only a statement that reads", "", codeReadOnly},
	{"", " is refused", codeNoRight},
	{"", "syntax error", codeSyntax},
	{"", "are the most", codeLimit},
}

func statementError(about *warehouse.StatementError) *sqlError {
	e := &sqlError{code: codeAmbiguous, message: about.Message}
	switch {
	case about.UnknownTable:
		e.code = codeNoTable
	default:
		for _, k := range kinds {
			if strings.HasPrefix(about.Message, k.begin) && strings.Contains(about.Message, k.within) {
				e.code = k.code
				break
			}
		}
	}
	return e
}

// byteAt returns the byte of a text at a line and a character of it, both counted from 1.
func byteAt(text string, line, character int) (at int, ok bool) {
	lines := strings.SplitAfter(text, "\n")
	if line < 1 || line > len(lines) || character < 1 {
		return 0, false
	}
	at = len(strings.Join(lines[:line-1], ""))
	for range character - 1 {
		_, n := utf8.DecodeRuneInString(text[at:])
		at += n
	}
	return at, true
}

func refuse(code, format string, args ...any) *sqlError {
	return &sqlError{code: code, message: fmt.Sprintf(format, args...)}
}
