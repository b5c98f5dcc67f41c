// What of decimals and texts is refused because DuckDB would not keep it exact.

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

		{"json_object('t', total::VARCHAR)->>'t'", "string"},
		{"json_object('n', n, 'b', big, 'h', big::HUGEINT)->>'b'", "string"},
		{"json_array(note, day, moment, ok)->>0", "string"},
		{"to_json([n])->>0", "string"},
		{"{'a': n, 't': total::VARCHAR}::JSON->>'a'", "string"},
	}
	for _, at := range []column.Evaluated{column.AtIntake, column.InRuns, column.WhenAsked} {
		bound(t, at, cases)
	}
	s := open(t, duck.Options{Threads: 1, Memory: "256MB"})
	for _, sql := range []string{"SELECT json_array(sum(amount)) AS j FROM events", "SELECT {'a': total}::JSON->>'a' AS j FROM events", "SELECT to_json(e)->>'total' AS j FROM events e",
		"SELECT list_transform([total], lambda x: json_array(x))[1]->>0 AS j FROM events"} {
		if _, _, err := s.Select(t.Context(), map[string][]column.Field{"events": bindColumns}, sql); err == nil || !strings.Contains(err.Error(), decimals[1:]) {
			t.Errorf("%s: got %v", sql, err)
		}
	}
}
