// Expressions on decimals and texts that are rejected because DuckDB would not evaluate them exactly.

package duck_test

import (
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
)

func TestDecimalsReachNoJSON(t *testing.T) {
	t.Parallel()
	const decimals = "!cast them to VARCHAR first"
	cases := [][2]string{
		{"json_object('t', total)->>'t'", decimals},
		{"json_object('t', amount)", decimals},
		{"json_object('t', {'a': [total]})", decimals},
		{"json_array(total)->>0", decimals},
		{"json_array(1, 0.5)", decimals},
		{"to_json(total)->>'$'", decimals},
		{"to_json(total)::VARCHAR", decimals},
		{"to_json([total])->>0", decimals},
		{"to_json(map(['a'], [total]))->>'a'", decimals},
		{"json_quote(total)->>'$'", decimals},
		{"row_to_json({'a': total})->>'a'", decimals},
		{"array_to_json([total])->>0", decimals},
		{"total::JSON->>'$'", decimals},
		{"TRY_CAST(total AS JSON)->>'$'", decimals},
		{"[total]::JSON->>0", decimals},
		{"{'a': total}::JSON->>'a'", decimals},
		{"([total]::JSON[])[1]->>'$'", decimals},
		{"({'b': 1, 'a': total}::STRUCT(a JSON, b JSON)).a->>'$'", decimals},

		{"{'a': total}->>'a'", "!"},
		{"json_value({'a': total}, '$.a')", "!"},
		{"json_extract_string([total], '$[0]')", "!"},
		{"json_merge_patch('{}', {'a': total})", "!"},

		{"json_object('t', total::VARCHAR)->>'t'", "string"},
		{"json_object('n', n, 'b', big, 'h', big::HUGEINT)->>'b'", "string"},
		{"json_array(note, day, moment, ok)->>0", "string"},
		{"to_json([n])->>0", "string"},
		{"{'a': n, 't': total::VARCHAR}::JSON->>'a'", "string"},
	}
	for _, at := range []column.Evaluation{column.AtIntake, column.InRuns, column.InQueries} {
		bound(t, at, cases)
	}
	s := open(t, duck.Options{Threads: 1, Memory: "256MB"})
	for _, sql := range []string{
		"SELECT json_array(sum(amount)) AS j FROM events",
		"SELECT {'a': total}::JSON->>'a' AS j FROM events",
		"SELECT to_json(e)->>'total' AS j FROM events e",
		"SELECT list_transform([total], lambda x: json_array(x))[1]->>0 AS j FROM events",
		"SELECT to_json(list({'id': note, 'a': amount})) AS j FROM events",
	} {
		if _, _, err := s.Select(t.Context(), map[string][]column.Field{"events": bindColumns}, sql); err == nil || !strings.Contains(err.Error(), decimals[1:]) {
			t.Errorf("%s: got %v", sql, err)
		}
	}
}

func TestTextsAreNotReadByCasts(t *testing.T) {
	t.Parallel()
	const text = "!a cast of text to"
	cases := [][2]string{
		{"TRY_CAST(note AS DECIMAL(18,2))", text},
		{"TRY_CAST(note AS INT)", text},
		{"TRY_CAST(note AS UHUGEINT)::VARCHAR", text},
		{"TRY_CAST(note AS DATE)", text},
		{"TRY_CAST(note AS TIMESTAMP)", text},
		{"TRY_CAST(note AS TIMESTAMPTZ) IS NULL", text},
		{"TRY_CAST(note AS TIME) IS NULL", text},
		{"moment - TRY_CAST(note AS INTERVAL)", text},
		{"TRY_CAST(note AS INT[]) IS NULL", text},
		{"TRY_CAST([note] AS DECIMAL(18,2)[]) IS NULL", text},
		{"TRY_CAST({'b': n, 'a': note} AS STRUCT(a DATE, b INT)) IS NULL", text},
		{"TRY_CAST(note AS STRUCT(a DATE)) IS NULL", text},
		{"TRY_CAST('1' || '.5' AS INT)", text},
		{"TRY_CAST(raw->>'$.a' AS DECIMAL(18,2))", text},
		{"TRY_CAST(raw AS STRUCT(a DECIMAL(18,2))) IS NULL", text},
		{"TRY_CAST(raw AS BIGINT[]) IS NULL", text},
		{"TRY_CAST(raw->'$.a' AS DATE)", text},
		{"note = amount", text},
		{"TRY_CAST(regexp_extract(note, '[0-9]+') AS INT)", text},
		{"TRY_CAST(regexp_extract(note, '^[0-9.]+$') AS INT)", text},
		{"TRY_CAST(regexp_extract(note, '^[0-9]+$|x') AS INT)", text},
		{"TRY_CAST(regexp_extract(note, note) AS INT)", text},

		{"TRY_CAST(regexp_extract(note, '^[-+]?\\d{1,9}$') AS INT)", "int"},
		{"TRY_CAST(regexp_extract(raw->>'$.a', '^[0-9]*$') AS BIGINT) * 0.01", "decimal(22,2)"},
		{"TRY_CAST(try_strptime(note, '%Y-%m-%d') AS DATE)", "date"},
		{"TRY_CAST(note AS BOOLEAN)", "bool"},
		{"{'b': n, 'a': note}::STRUCT(a VARCHAR, b BIGINT) IS NULL", "bool"},
		{"TRY_CAST(note AS JSON)->>'$.a'", "string"},
	}
	for _, at := range []column.Evaluation{column.AtIntake, column.InRuns, column.InQueries} {
		bound(t, at, cases)
	}
}

// TestDecimalsAreNotRoundedUnseen: DuckDB adds casts that drop decimals where 38 digits are not enough for both operands.
func TestDecimalsAreNotRoundedUnseen(t *testing.T) {
	t.Parallel()
	const rounded = "!would be rounded to DECIMAL(38,2) here"
	bound(t, column.InRuns, [][2]string{
		{"CASE WHEN ok THEN total ELSE 0.005 END", rounded},
		{"coalesce(total, 0.005)", rounded},
		{"greatest(total, 0.005)", rounded},
		{"greatest(total, amount::DECIMAL(22,4))", rounded},
		{"if(ok, total, amount * 0.015)", rounded},
		{"list_contains([total, 0.005], total)", rounded},
		{"nullif(total, 0) + CASE n WHEN 1 THEN total WHEN 2 THEN 0.005 END", rounded},

		{"CASE WHEN ok THEN total ELSE 0.01 END", "decimal(38,2)"},
		{"coalesce(total, 0)", "decimal(38,2)"},
		{"coalesce(total, CAST(amount * 0.015 AS DECIMAL(38,2)))", "decimal(38,2)"},
		{"coalesce(total, (amount * 0.015)::DECIMAL(18,2))", "decimal(38,2)"},
		{"coalesce(total, round(amount * 0.015, 2))", "decimal(38,2)"},
		{"total > 0.345 AND total IN (0.345) AND total BETWEEN 0.345 AND 1", "bool"},
		{"coalesce(amount, 0.005)", "decimal(19,3)"},
	})
}
