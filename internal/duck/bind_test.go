// Which expressions bind: exact ones over known functions do; for others the error says what to write instead.

package duck_test

import (
	"strings"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
)

var bindColumns = []column.Field{
	{Name: "amount", Type: column.Type{Kind: column.Decimal, Precision: 18, Scale: 2}},
	{Name: "total", Type: column.Type{Kind: column.Decimal, Precision: 38, Scale: 2}},
	{Name: "n", Type: column.Type{Kind: column.Int}},
	{Name: "big", Type: column.Type{Kind: column.BigInt}},
	{Name: "note", Type: column.Type{Kind: column.String}},
	{Name: "ok", Type: column.Type{Kind: column.Bool}},
	{Name: "day", Type: column.Type{Kind: column.Date}},
	{Name: "moment", Type: column.Type{Kind: column.Timestamp}},
	{Name: "raw", Type: column.Type{Kind: column.JSON}},
}

// bound binds expressions: each is followed by its type, or by "!" and a part of its error.
func bound(t *testing.T, when column.Evaluation, cases [][2]string) {
	t.Helper()
	s := open(t, duck.Options{Threads: 1, Memory: "256MB"})
	for _, c := range cases {
		got, err := s.Bind(t.Context(), bindColumns, c[0], when)
		part, refused := strings.CutPrefix(c[1], "!")
		switch {
		case refused && (err == nil || !strings.Contains(err.Error(), part)):
			t.Errorf("%s: got %v, %v; want a refusal with %q", c[0], got, err, part)
		case !refused && (err != nil || got.String() != c[1]):
			t.Errorf("%s: got %v, %v; want %s", c[0], got, err, c[1])
		}
	}
}

func TestBindRefusesBinaryFloatingPoint(t *testing.T) {
	t.Parallel()
	const float = "!floating point"
	bound(t, column.InRuns, [][2]string{
		{"CAST(total / 1 AS DECIMAL(38,2))", float},
		{"CAST(total * 0.015e0 AS DECIMAL(38,2))", float},
		{"total = 0.1e0", float},
		{"CAST(sqrt(n) AS DECIMAL(38,2))", float},
		{"amount::DOUBLE::VARCHAR", float},
		{"round(amount / 3, 2)::DECIMAL(18,2)", float},
		{"CAST(n / 2 AS INT)", float},
		{"big::HUGEINT / 7 > 3", float},
		{"amount::FLOAT > 1", float},
		{"CASE WHEN n / 2 > 1 THEN 'a' ELSE 'b' END", float},
		{"amount + '0.345'", float},
		{"[amount::DOUBLE] IS NULL", float},
		{"list_avg([amount]) IS NULL", float},
		{"power(n, 2)::BIGINT", float},
		{"TRY_CAST(note AS DOUBLE) > 1", float},
		{"greatest(amount, 1e0) > 1", float},
		{"date_part('epoch', moment)::BIGINT", float},
		{"epoch(moment) > 1", float},
		{"amount // 3", float},
		{"(0.5e0 > 0.1e0) AND ok", float},
		{"moment + to_hours(1.5::INT) > moment AND to_seconds(amount) IS NULL", float},
		{"(raw->'$.a')::DECIMAL(18,2)", "!a number within JSON"},
		{"TRY_CAST(raw->'$.a' AS INT)", "!a number within JSON"},
		{"amount / 3", "!multiply by a decimal literal"},

		{"amount * 0.01", "decimal(18,4)"},
		{"round(amount * 0.015, 2)", "decimal(18,2)"},
		{"n // 3", "int"},
		{"big // 3", "bigint"},
		{"n % 3", "int"},
		{"CAST(amount * 0.5 AS DECIMAL(18,2))", "decimal(18,2)"},
		{"abs(amount) > 0.345", "bool"},
		{"big = 1.5", "bool"},
		{"n * amount", "decimal(18,2)"},
		{"moment + INTERVAL 1 DAY", "timestamp"},
		{"day + INTERVAL (n) DAY", "timestamp"},
		{"moment - INTERVAL 30 SECOND < moment", "bool"},
		{"moment + INTERVAL '90 minutes'", "timestamp"},
		{"date_diff('day', day, moment)", "bigint"},
		{"year(day)", "bigint"},
		{"epoch_ms(moment)", "bigint"},
		{"total - 0.005", "decimal(38,3)"},
		{"floor(amount)", "decimal(18,0)"},
		{"raw->>'$.a'", "string"},
	})
}

func TestBindRefusesLiteralsThatAreNotExact(t *testing.T) {
	t.Parallel()
	bound(t, column.InRuns, [][2]string{
		{"amount = '0.345'", "!has more decimals than DECIMAL(18,2)"},
		{"amount IN ('1', '0.345')", "!more decimals"},
		{"amount BETWEEN '0.1' AND '0.999'", "!more decimals"},
		{"CASE amount WHEN '0.345' THEN 1 END", "!more decimals"},
		{"coalesce(amount, '0.345')", "!more decimals"},
		{"n = '1.5'", "!more decimals than INTEGER"},
		{"amount = 'abc'", "!is not a valid DECIMAL(18,2)"},
		{"amount = '1e3'", "!not a valid"},
		{"amount = ''", "!not a valid"},
		{"n > '0x10'", "!not a valid INTEGER"},
		{"n = '99999999999'", "!not a valid INTEGER"},
		{"amount = '99999999999999999999'", "!not a valid DECIMAL(18,2)"},
		{"day = '2024-02-30'", "!not a valid DATE"},
		{"day = '2024-01-05 10:00'", "!not a valid DATE"},
		{"DATE '2024-02-30' = day", "!not a valid DATE"},
		{"moment < '2024-01-01 10:00:00+02'", "!not a valid TIMESTAMP"},
		{"moment < '2024-01-01 10:00:00.0000001'", "!not a valid TIMESTAMP"},
		{"moment = 'yesterday'", "!not a valid TIMESTAMP"},
		{"ok = 'perhaps'", "!not a valid BOOLEAN"},
		{"CAST('0.345' AS DECIMAL(18,2)) = amount", "!more decimals"},

		{"amount = '0.34'", "bool"},
		{"amount = '0.340'", "bool"},
		{"amount = '-1'", "bool"},
		{"amount = 0.345", "bool"},
		{"n = '15'", "bool"},
		{"big = '9007199254740993'", "bool"},
		{"day = '2024-02-29'", "bool"},
		{"day >= DATE '2024-01-01'", "bool"},
		{"moment < '2024-01-01'", "bool"},
		{"moment < TIMESTAMP '2024-01-01 10:00:00.5'", "bool"},
		{"moment < '2024-01-01T10:00:00Z'", "bool"},
		{"ok = 'true'", "bool"},
		{"ok = true", "bool"},
		{"note = '0.345'", "bool"},
		{"amount = CAST('1.50' AS DECIMAL(18,2))", "bool"},
	})
}

func TestBindAllowsKnownFunctionsOnly(t *testing.T) {
	t.Parallel()
	refused := []string{
		"age(moment) > INTERVAL 1 DAY", "moment <= current_localtimestamp()", "current_localtime() IS NULL", "moment < ago(INTERVAL 1 DAY)", "now() IS NULL",
		"moment < current_timestamp", "day < current_date", "day < current_date()", "day < today()", "get_current_time() IS NULL", "get_current_timestamp() > moment", "moment < localtimestamp",
		"transaction_timestamp() > moment", "getvariable('x') IS NULL", "current_setting('threads') = '1'", "version() = note", "current_schema() = note",
		"current_user = note", "session_user = note", "current_database() = note", "random() > 0.5", "uuid() IS NULL", "gen_random_uuid() IS NULL", "nextval('x') > 1",
		"txid_current() > 1", "pg_typeof(n) = note", "current_query() = note", "in_search_path('x', 'y')", "json_serialize_sql(note) IS NULL", "setseed(0.5) IS NULL",
		"error(note)", "write_log(note)", "hash(note) > 1", "sleep_ms(1) IS NULL", "pg_postmaster_start_time() < moment", "main.now() IS NULL", "pg_catalog.version() = note",
		"list_aggregate([n], 'avg') > 1", "format('{:>200}', note)", "printf('%200d', n)", "note COLLATE de = 'x'", "json_execute_serialized_sql(note)",
	}
	for _, at := range []column.Evaluation{column.AtIntake, column.InRuns} {
		var cases [][2]string
		for _, expr := range refused {
			cases = append(cases, [2]string{expr, "!"})
		}
		bound(t, at, append(cases, [][2]string{
			{"age(moment, moment) > INTERVAL 1 DAY", "bool"},
			{"note LIKE 'INV%' AND note NOT ILIKE '%x' AND note SIMILAR TO 'a.*'", "bool"},
			{"note IS NOT NULL OR n IN (1, 2)", "bool"},
			{"strftime(moment, '%Y-%m')", "string"},
			{"lower(trim(note)) || '-' || n", "string"},
			{"split_part(note, '/', 2)", "string"},
			{"nullif(n, 0)", "int"},
			{"regexp_extract(note, '([0-9]+)', 1)", "string"},
			{"date_trunc('month', day)", "timestamp"},
			{"extract(year FROM day)", "bigint"},
			{"concat_ws('-', note, n)", "string"},
			{"coalesce(note, 'x')", "string"},
			{"if(ok, n, -n)", "int"},
			{"list_contains(['a', 'b'], note)", "bool"},
			{"note[1:2]", "string"},
			{"NOT ok", "bool"},
			{"substring(note FROM 2 FOR 3)", "string"},
			{"lpad(note, 12, '0')", "string"},
			{"repeat('*', 4) || right(note, 4)", "string"},
			{"moment AT TIME ZONE 'UTC' IS NULL", "bool"},
		}...))
	}
	bound(t, column.InQueries, [][2]string{
		{"moment < now()", "bool"},
		{"moment < now() - INTERVAL 30 DAY", "bool"},
		{"day < current_date", "bool"},
		{"moment < current_timestamp", "bool"},
		{"age(moment) > INTERVAL 1 DAY", "bool"},
		{"moment < ago(INTERVAL 1 DAY)", "bool"},
		{"random() > 0.5", "!random()"},
		{"current_user = note", "!unknown column"},
		{"getvariable('x') IS NULL", "!getvariable()"},
	})
}

func TestBindRefusesWhatStandsForSeveralColumns(t *testing.T) {
	t.Parallel()
	cases := [][2]string{
		{"{'a': n, 'b': n}.*", "!"},
		{"row(*) IS NULL", "!"},
		{"amount, total", "!"},
		{"generate_series(1, 2)", "!"},
		{"unnest([n, n])", "!UNNEST not supported here"},
		{"unnest({'a': n, 'b': n})", "!UNNEST not supported here"},
		{"abs(unnest([n, n]))", "!UNNEST not supported here"},
	}
	for _, expr := range []string{
		"COLUMNS('amount|total')", "COLUMNS('n')", "COLUMNS('no(.)')", "COLUMNS(*)", "COLUMNS(* EXCLUDE (n)) IS NULL", "COLUMNS(['amount', 'total'])",
		"COLUMNS(lambda n: n LIKE 'amo%')", "COLUMNS('amount|total') > 0", "n IN (COLUMNS('big|n'))", "[COLUMNS('n|big')] IS NULL",
		"CASE WHEN COLUMNS('n|big') > 0 THEN 1 END", "abs(COLUMNS('n|big'))", "{'a': COLUMNS('n|big')} IS NULL",
		"list_transform([n], lambda n: n + COLUMNS('big|n'))", "greatest(*COLUMNS('amount|total'))", "concat_ws('-', *COLUMNS('n|note'))",
		"struct_pack(*COLUMNS('big|n')) IS NULL", "*COLUMNS('amount|total')", "*", "* EXCLUDE (n)", "* REPLACE (1 AS n)", "raw.*",
	} {
		cases = append(cases, [2]string{expr, "!stands for several columns: name each column"})
	}
	for _, at := range []column.Evaluation{column.AtIntake, column.InRuns, column.InQueries} {
		bound(t, at, cases)
	}
}

func TestBindRefusesCastsThatMayFail(t *testing.T) {
	t.Parallel()
	failing := [][2]string{
		{"CAST(note AS INT) > 1", "!a cast of text to INTEGER is refused"},
		{"note::DECIMAL(18,2) > 1", "!a cast of text"},
		{"note = 5", "!a cast of text"},
		{"note::JSON IS NULL", "!TRY_CAST"},
		{"CAST(amount AS INT)", "!not every number fits"},
		{"CAST(big AS INT)", "!not every number fits"},
		{"CAST(note AS BOOLEAN)", "!TRY_CAST"},
		{"amount::DECIMAL(4,2)", "!TRY_CAST(x AS DECIMAL(4,2))"},
		{"amount::DECIMAL(16,1)", "!not every number fits"},
		{"amount::DECIMAL(18,3)", "!not every number fits"},
		{"n::DECIMAL(4,2)", "!not every number fits"},
		{"big::DECIMAL(18,0)", "!not every number fits"},
		{"total::DECIMAL(18,2)", "!not every number fits"},
		{"[amount]::DECIMAL(4,2)[] IS NULL", "!not every number fits"},
		{"{'a': amount}::STRUCT(a DECIMAL(4,2)) IS NULL", "!not every number fits"},
		{"map([n], [amount])::MAP(INT, DECIMAL(4,2)) IS NULL", "!not every number fits"},
		{"CAST([note] AS INT[]) IS NULL", "!a cast of text"},
		{"strptime(note, '%Y') IS NULL", "!try_strptime"},
		{"make_date(n, 1, 1)", "!make_date() is refused"},
		{"chr(n)", "!chr() is refused"},
	}
	bound(t, column.InRuns, failing)
	bound(t, column.InQueries, failing)
	fine := [][2]string{
		{"TRY_CAST(regexp_extract(note, '^-?[0-9]+$') AS INT) > 1", "bool"},
		{"CAST(n AS VARCHAR)", "string"},
		{"CAST(amount AS DECIMAL(20,2))", "decimal(20,2)"},
		{"TRY_CAST(amount AS DECIMAL(4,2))", "decimal(4,2)"},
		{"amount::DECIMAL(18,1)", "decimal(18,1)"},
		{"n::DECIMAL(12,2)", "decimal(12,2)"},
		{"total::DECIMAL(38,4)", "decimal(38,4)"},
		{"big * amount", "decimal(37,2)"},
		{"total * big * amount > 345", "bool"},
		{"greatest(total, big, n, 0.01)", "decimal(38,2)"},
		{"CASE WHEN ok THEN amount ELSE big END + n", "decimal(22,2)"},
		{"n + big + amount - total", "decimal(38,2)"},
		{"round(amount * 0.015, 2) + 5", "decimal(18,2)"},
		{"amount IN (1, 0.345, 10000000000000000000)", "bool"},
		{"CAST(n AS BIGINT)", "bigint"},
		{"CAST(moment AS DATE)", "date"},
		{"TRY_CAST(amount AS INT)", "int"},
		{"raw::VARCHAR", "string"},
		{"try_strptime(note, '%Y') IS NULL", "bool"},
		{"n || note", "string"},
	}
	bound(t, column.InRuns, fine)
	bound(t, column.AtIntake, append(fine, [2]string{"CAST(regexp_extract(note, '^[0-9]+$') AS INT) > 1", "bool"}, [2]string{"strptime(note, '%Y')", "timestamp"}))
}

func TestBindComputesNothingLarge(t *testing.T) {
	t.Parallel()
	bound(t, column.InRuns, [][2]string{
		{"length(repeat('x', 2000000000)) > n", "!repeat() takes"},
		{"repeat('x', n) = note", "!repeat() takes"},
		{"repeat(note, 1000) = note", "!repeat() takes a text literal"},
		{"len(range(2000000000)) > n", "!range() takes"},
		{"len(generate_series(1, 2000000000)) > n", "!generate_series() takes"},
		{"lpad('x', 2000000000, 'y') = note", "!lpad() takes"},
		{"rpad(note, 1000000 * 1000, 'y') = note", "!rpad() takes"},
		{"repeat(repeat(repeat('x', 1000), 1000), 1000) = note", "!repeat() takes"},
		{"len(range(n)) > 1", "!range() takes"},
		{"round(amount, length(repeat('x', 2000000000))::INT) > 1", "!repeat() takes"},
		{"array_resize([1], 2000000000) IS NULL", "!array_resize() is refused"},
		{"bar(1, 0, 1, 1000000) = note", "!bar() is refused"},
		{"replace(replace(replace('" + strings.Repeat("a", 900) + "', 'a', '" + strings.Repeat("b", 900) + "'), 'b', '" + strings.Repeat("c", 900) + "'), 'c', 'd') = note", "!too large"},
		{"list_resize([1], 2000000000) IS NULL", "!list_resize() is refused"},
		{"bitstring('1', 2000000000) IS NULL", "!bitstring() is refused"},
		{strings.Repeat("abs(", 900) + "n" + strings.Repeat(")", 900), "int"},
		{"len(list_transform(range(9999), lambda n: list_transform(range(9999), lambda n: n))) = 1", "!too large"},
	})
}
