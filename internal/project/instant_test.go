// Which names of an expression are timestamps, and where a time zone makes that matter.

package project

import (
	"testing"

	"bursar/internal/column"
)

func TestInstants(t *testing.T) {
	t.Parallel()
	var columns []column.Field
	for _, name := range []string{"occurred", "at", "time", "day", "timestamp"} {
		columns = append(columns, column.Field{Name: name, Type: column.Type{Kind: column.Timestamp}})
	}
	columns = append(columns, column.Field{Name: "booked", Type: column.Type{Kind: column.Date}})
	for expr, want := range map[string]string{
		"occurred > TIMESTAMP '2024-01-01'":                             "",
		"'occurred AT TIME ZONE'":                                       "",
		"CAST(occurred AT TIME ZONE 'Europe/Berlin' AS DATE)":           "CAST(\"occurred\"::TIMESTAMPTZ AT TIME ZONE 'Europe/Berlin' AS DATE)",
		"at at\n time  zone 'UTC'":                                      "\"at\"::TIMESTAMPTZ at\n time  zone 'UTC'",
		"(\"Time\" + INTERVAL 1 day) AT TIME ZONE 'UTC'":                "(\"Time\"::TIMESTAMPTZ + INTERVAL 1 day) AT TIME ZONE 'UTC'",
		"timezone('UTC', OCCURRED)":                                     "timezone('UTC', \"OCCURRED\"::TIMESTAMPTZ)",
		"extract(day FROM day /* at */ AT TIME ZONE 'UTC')":             "extract(day FROM \"day\"::TIMESTAMPTZ /* at */ AT TIME ZONE 'UTC')",
		"TIMESTAMP '2024-01-01' AT TIME ZONE 'UTC' < at::TIMESTAMPTZ":   "",
		"CAST(booked AS timestamp) AT TIME ZONE 'UTC' = {at: occurred}": "CAST(booked AS timestamp) AT TIME ZONE 'UTC' = {at: \"occurred\"::TIMESTAMPTZ}",
		"booked::timestamp AT TIME ZONE 'UTC' -- occurred":              "",
		"time('x') AT TIME ZONE 'UTC'":                                  "",
	} {
		if want == "" {
			want = expr
		}
		got := Instants(expr, columns)
		if got != want || Instants(got, columns) != got {
			t.Errorf("%s becomes %s, and that %s; want %s", expr, got, Instants(got, columns), want)
		}
	}
}
