// Tests of the tests of models.

package model_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/project/projecttest"
	"bursar/internal/warehouse/model"
)

// TestTests fails each test in turn and compares what is shown.
func TestTests(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.exec(sales...)
		for _, c := range []struct {
			test, want string
			exit       int
		}{
			{"not_null: [a, b]", "2 [a b d] 1,-,2020-01-01 -,x,2020-01-01", 1},
			{"unique: a", "1 [a row_count] 2,2", 1},
			{"unique: [a, b]", "1 [a b row_count] 2,y,2", 1},
			{"unique: [a, b, d]", "1 [a b d row_count] 2,y,2020-01-01,2", 1},
			{"accepted: {a: [1, 3]}", "1 [a row_count] 2,2", 1},
			{"accepted: {b: [x]}", "1 [b row_count] y,2", 1},
			{"accepted: {d: [2020-01-01]}", "0 []", 0},
			{"balanced: {sum: a, equals: SELECT 5}", "0 []", 0},
			{"balanced: {sum: a, equals: SELECT 4 UNION ALL SELECT 1}", "0 []", 0},
			{"balanced: {sum: a, equals: SELECT 6.50;}", "1 [actual expected] 5,6.50", 4},
			{"balanced: {sum: a, equals: SELECT sum(amount) FROM sales}", "1 [actual expected] 5,15.55", 4},
			{"balanced: {sum: a, equals: SELECT 1 WHERE 1 = 0}", "1 [actual expected] 5,0", 4},
			{`balanced: {sum: a, by: b, equals: "SELECT 'y', 3 UNION ALL SELECT 'z', 1"}`, "3 [b actual expected] y,4,3 z,0,1 -,1,0", 4},
			{`balanced: {sum: a, by: b, equals: "SELECT b, sum(a) FROM m GROUP BY b"}`, "0 []", 0},
		} {
			s.declare(map[string]string{"m": "-- tests: [{" + strings.TrimSpace(c.test) + "}]\n" +
				"SELECT CAST(v.a AS INTEGER) AS a, CAST(v.b AS VARCHAR(3)) AS b, CAST('2020-01-01' AS DATE) AS d FROM (VALUES (1, NULL), (2, 'y'), (2, 'y'), (NULL, 'x')) AS v(a, b)"})
			out, err := s.try(model.Options{})
			var failed *model.TestError
			if errors.As(err, &failed) {
				out = failed.Result
			}
			if len(out.Tests) != 1 || failure.ExitCode(err) != c.exit {
				t.Errorf("%s: exit code %d, want %d: %v", c.test, failure.ExitCode(err), c.exit, err)
				continue
			}
			if got := testedText(out.Tests[0]); got != c.want {
				t.Errorf("%s: got %s, want %s", c.test, got, c.want)
			}
		}
	})
}

func testedText(t model.Tested) string {
	text := fmt.Sprintf("%d %v", t.Failures, t.Columns)
	var rows []string
	for _, row := range t.Rows {
		var values []string
		for _, value := range row {
			if value == nil {
				values = append(values, "-")
				continue
			}
			values = append(values, *value)
		}
		rows = append(rows, strings.Join(values, ","))
	}
	return strings.TrimSpace(text + " " + strings.Join(rows, " "))
}

// TestWarnings lets a run pass whose test only warns, and shows at most ten rows.
func TestWarnings(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.declare(map[string]string{"a": "-- tests: [{not_null: x, severity: warn, name: has an x}]\n" +
			"SELECT CAST(NULL AS INTEGER) AS x FROM generate_series(1, 12)"})
		out := s.run()
		if test := out.Tests[0]; test.OK || test.Failures != 12 || len(test.Rows) != 10 || test.Test != "has an x" || test.Severity != "warn" || test.Line != 2 {
			t.Errorf("%+v", out.Tests)
		}
		if out, err := s.runner.Test(t.Context(), model.Options{}); err != nil || out.Tests[0].Failures != 12 {
			t.Errorf("%+v, %v", out, err)
		}
		s.declare(map[string]string{"a": "-- tests: [{not_null: x, severity: error}]\nSELECT 1 AS x"})
		if _, err := s.runner.Test(t.Context(), model.Options{}); failure.ExitCode(err) != 1 || !strings.Contains(err.Error(), "12 rows") || strings.Contains(err.Error(), "changed") {
			t.Error(err)
		}
	})
}

// TestFloatingTotals refuses to compare sums that are not exact.
func TestFloatingTotals(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		s.declare(map[string]string{"a": "-- tests: [{balanced: {sum: x, equals: SELECT 1}}]\nSELECT CAST(1 AS DOUBLE PRECISION) AS x"})
		s.wantError("warehouse/a.sql:2: test balanced x: a sum of binary floating point is not exact")
	})
}

// fixedTotals is a control total by currency.
type fixedTotals map[string]string

func (f fixedTotals) Published(_ context.Context, stream, total string, through, retraction uint64) (map[string]string, error) {
	if stream != "payments" || through != 7 || retraction != 1 {
		return nil, fmt.Errorf("asked for %s.%s through %d, %d", stream, total, through, retraction)
	}
	if total == "all" {
		return map[string]string{"": f["EUR"]}, nil
	}
	return f, nil
}

// TestControlTotals compares models with control totals of batches.
func TestControlTotals(t *testing.T) {
	forEach(t, func(t *testing.T, s *setup) {
		for _, c := range []struct {
			test   string
			totals fixedTotals
			want   string
		}{
			{"balanced: {sum: amount, by: currency, total: payments.amount}", fixedTotals{"EUR": "3.00", "it's": "-1.50"}, "0 []"},
			{"balanced: {sum: amount, by: currency, total: payments.amount}", fixedTotals{"EUR": "3.01", "USD": "1.00"}, "3 [currency actual expected] EUR,3.00,3.01 USD,0.00,1.00 it's,-1.50,0.00"},
			{"balanced: {sum: amount, by: currency, total: payments.amount}", fixedTotals{}, "2 [currency actual expected] EUR,3.00,0.00 it's,-1.50,0.00"},
			{"balanced: {sum: amount, total: payments.all}", fixedTotals{"EUR": "1.50"}, "0 []"},
			{"balanced: {sum: amount, total: payments.all}", fixedTotals{"EUR": "1.51"}, "1 [actual expected] 1.50,1.51"},
		} {
			s.files = map[string]string{"streams/payments.yaml": projecttest.Stream}
			s.declare(map[string]string{"m": "-- tests: [{" + c.test + "}]\n" +
				"SELECT v.currency, CAST(v.amount AS DECIMAL(18,2)) AS amount FROM (VALUES ('EUR', 1), ('EUR', 2), ('it''s', -1.5)) AS v(currency, amount)"})
			s.runner.Totals = c.totals
			s.exec("DROP TABLE IF EXISTS bursar_tables")
			s.wantError("warehouse/m.sql:2: test balanced amount")
			s.publishSales(7, 1, "('UK', 1, 1)")
			s.exec("UPDATE bursar_tables SET table_name = 'events_payments'")
			out, err := s.try(model.Options{})
			var failed *model.TestError
			if errors.As(err, &failed) {
				out, err = failed.Result, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			zeros := strings.NewReplacer(",0.00", ",0") // PostgreSQL gives a number the decimals that it has
			if got, want := zeros.Replace(testedText(out.Tests[0])), zeros.Replace(c.want); got != want {
				t.Errorf("%s: got %s, want %s", c.test, got, want)
			}
		}
	})
}
