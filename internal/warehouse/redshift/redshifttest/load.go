// COPY from objects that a manifest lists, and the differences between the two dialects.

package redshifttest

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// unknown are parts of statements that PostgreSQL knows and Redshift does not.
var unknown = regexp.MustCompile(`(?i)\bON CONFLICT\b|\bJSONB\b|\[\]|\bADD COLUMN\b.*\bADD COLUMN\b|\bpg_advisory|\bCREATE (UNIQUE )?INDEX\b|\bFOR UPDATE\b|\bLATERAL\b`)

// maxVarchar is the most bytes of a text.
const maxVarchar = 65535

func refusal(sql string) string { return unknown.FindString(sql) }

// asPostgres gives the views their names in the server behind, and the types those that behave as in Redshift: blanks at the end of a text do
// not count when it is compared.
func asPostgres(message pgproto3.FrontendMessage) pgproto3.FrontendMessage {
	rewrite := strings.NewReplacer("svv_tables", "public.pg_catalog_svv_tables", "svv_columns", "public.pg_catalog_svv_columns", " super", " public.super", fmt.Sprintf(" character varying(%d)", maxVarchar), " bpchar", " version()", " public.pg_catalog_version()").Replace
	switch m := message.(type) {
	case *pgproto3.Query:
		m.String = rewrite(m.String)
	case *pgproto3.Parse:
		m.Query = rewrite(m.Query)
	}
	return message
}

// loadStatement is COPY from a manifest.
type loadStatement struct{ table, manifest, role string }

var loadPattern = regexp.MustCompile(`(?is)^COPY (\S+) FROM '([^']*)' IAM_ROLE '([^']*)' MANIFEST FORMAT AS JSON 'auto' GZIP TIMEFORMAT 'auto' DATEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF$`)

func parseLoad(sql string) *loadStatement {
	m := loadPattern.FindStringSubmatch(strings.TrimSpace(sql))
	if m == nil {
		return nil
	}
	return &loadStatement{m[1], m[2], m[3]}
}

// load executes COPY and answers as to a statement of the extended protocol.
func (s *session) load(ctx context.Context, l *loadStatement) error {
	rows, err := s.server.readRows(ctx, l)
	if err != nil {
		return s.fail(fmt.Errorf("load into table '%s' failed: %w", l.table, err))
	}
	// As Redshift does, PostgreSQL takes the members by the names of columns, and refuses a value that does not fit.
	sql := fmt.Sprintf("INSERT INTO %s SELECT (jsonb_populate_record(NULL::%[1]s, value)).* FROM jsonb_array_elements($rows$%s$rows$)", l.table, rows)
	s.behind.Send(&pgproto3.Query{String: sql})
	if err := s.behind.Flush(); err != nil {
		return err
	}
	var failed *pgproto3.ErrorResponse
	for {
		message, err := s.behind.Receive()
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			failed = &pgproto3.ErrorResponse{Severity: m.Severity, SeverityUnlocalized: m.SeverityUnlocalized, Code: m.Code, Message: m.Message}
		case *pgproto3.ReadyForQuery:
			s.status = m.TxStatus
			return s.loaded(failed)
		}
	}
}

func (s *session) loaded(failed *pgproto3.ErrorResponse) error {
	if failed != nil {
		s.client.Send(failed)
	} else {
		for _, m := range []pgproto3.BackendMessage{
			&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.NoData{}, &pgproto3.CommandComplete{CommandTag: []byte("COPY")},
		} {
			s.client.Send(m)
		}
	}
	s.client.Send(&pgproto3.ReadyForQuery{TxStatus: s.status})
	return s.client.Flush()
}

// readRows returns the rows of all objects as a JSON array.
func (s *Server) readRows(ctx context.Context, l *loadStatement) (string, error) {
	if l.role != CopyRole {
		return "", fmt.Errorf("the role %s may not read it", l.role)
	}
	text, err := s.read(ctx, l.manifest)
	if err != nil {
		return "", err
	}
	var manifest struct {
		Entries []struct {
			URL       string `json:"url"`
			Mandatory bool   `json:"mandatory"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil || len(manifest.Entries) == 0 {
		return "", fmt.Errorf("the manifest is not valid: %w", err)
	}
	var rows []string
	for _, e := range manifest.Entries {
		if !e.Mandatory {
			return "", errors.New("an object that is not mandatory would be left out without a word")
		}
		packed, err := s.read(ctx, e.URL)
		if err != nil {
			return "", err
		}
		unpacked, err := gzip.NewReader(strings.NewReader(string(packed)))
		if err != nil {
			return "", err
		}
		lines, err := io.ReadAll(unpacked)
		if err != nil {
			return "", err
		}
		rows = append(rows, strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")...)
	}
	return "[" + strings.Join(rows, ",") + "]", nil
}

func (s *Server) read(ctx context.Context, address string) ([]byte, error) {
	name, ok := strings.CutPrefix(address, ObjectsURL)
	if !ok {
		return nil, fmt.Errorf("%s is not in the bucket", address)
	}
	in, err := s.objects.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.NewSectionReader(in, 0, in.Size()))
}
