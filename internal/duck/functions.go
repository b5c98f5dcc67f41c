// The functions that a project's SQL may call: those whose result depends only on their arguments.

package duck

import (
	"fmt"
	"strings"

	"bursar/internal/column"
)

// functions are the allowed scalar functions, operators and macros. DuckDB's own attribute CONSISTENT is not sufficient: functions that
// read the clock, variables and settings have it too. Functions that can only return binary floating point are listed so that their
// error message says so. Functions that evaluate other SQL, read the session, the catalog or files, raise errors, or build texts of
// any length are left out.
var functions = set(`
	+ - * / // % ** ^ & | ~ << >> || ~~ !~~ ~~* !~~* ~~~ ^@ -> ->> @> <@ && @
	like_escape not_like_escape ilike_escape not_ilike_escape
	abs add ceil ceiling divide even exp factorial fdiv floor fmod gcd greatest greatest_common_divisor lcm least
	least_common_multiple ln log log10 log2 mod multiply nullif pow power round round_even roundbankers sign sqrt cbrt subtract
	trunc xor bit_count pi
	array_to_string ascii char_length character_length chr concat concat_ws contains damerau_levenshtein editdist3 ends_with
	hamming instr lcase left len length levenshtein lower lpad ltrim md5 mismatches nfc_normalize octet_length ord position
	prefix regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array repeat
	replace reverse right rpad rtrim sha1 sha256 split split_part starts_with str_split string_split string_to_array
	strip_accents strlen strpos substr substring suffix translate trim ucase unicode upper
	age century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
	dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear julian last_day make_date
	make_time make_timestamp microsecond millennium millisecond minute month monthname quarter second strftime strptime
	time_bucket timezone to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes
	to_months to_quarters to_seconds to_timestamp to_weeks to_years try_strptime week weekday weekofyear year yearweek
	apply array_append array_apply array_cat array_concat array_contains array_distinct array_extract array_filter array_has
	array_has_all array_has_any array_indexof array_length array_position array_prepend array_reduce array_reverse
	array_reverse_sort array_slice array_sort array_transform array_unique array_value cardinality element_at filter flatten
	list_append list_apply list_avg list_bool_and list_bool_or list_cat list_concat list_contains list_count list_distinct
	list_element list_extract list_filter list_first list_has list_has_all list_has_any list_indexof list_intersect list_last
	list_max list_min list_pack list_position list_prepend list_reduce list_reverse list_reverse_sort list_select list_slice
	list_sort list_string_agg list_sum list_transform list_unique list_value list_where list_zip map map_contains map_entries
	map_extract map_extract_value map_from_entries map_keys map_values reduce row struct_concat struct_extract
	struct_extract_at struct_insert struct_pack unnest
	array_to_json json json_array json_array_length json_contains json_exists json_extract json_extract_path
	json_extract_path_text json_extract_string json_keys json_merge_patch json_object json_quote json_type json_valid
	json_value row_to_json to_json
	generate_series range`)

// aggregates are the allowed aggregate and window functions. Some depend on the order of rows: `bursar verify` tries whether a result
// depends on it.
var aggregates = set(`
	any_value arbitrary arg_max arg_max_null arg_min arg_min_null argmax argmin array_agg avg bit_and bit_or bit_xor bool_and
	bool_or count count_if count_star countif dense_rank first first_value fsum group_concat histogram kahan_sum lag last
	last_value lead list listagg max max_by mean min min_by nth_value ntile percent_rank cume_dist product
	quantile_disc rank rank_dense row_number stddev stddev_pop stddev_samp string_agg sum sum_no_overflow sumkahan var_pop
	var_samp variance`)

// intoJSON are the functions that write their arguments as JSON.
var intoJSON = set("array_to_json json_array json_merge_patch json_object json_quote row_to_json to_json")

// clockFunctions read the clock; clockWords do so without parentheses.
var (
	clockFunctions = set(`ago get_current_time get_current_timestamp now today transaction_timestamp current_localtime
		current_localtimestamp current_date`)
	clockWords = set("current_date current_time current_timestamp localtime localtimestamp")
)

// mayRaise maps functions that fail on some values of the right type to what to write where that is not allowed.
var mayRaise = map[string]string{
	"chr": "a text literal", "json": "json_valid(x) first, and TRY_CAST(x AS JSON)", "make_date": "try_strptime",
	"make_time": "try_strptime", "make_timestamp": "try_strptime", "strptime": "try_strptime",
	"factorial": "a product",
}

func set(names string) map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields(names) {
		all[name] = true
	}
	return all
}

// refusedCall returns why a call in an expression is rejected, or "".
func refusedCall(node map[string]any, when column.Evaluation) string {
	switch node["class"] {
	case "PARAMETER":
		return "parameters are not allowed in an expression"
	case "COLLATE":
		return "COLLATE is refused: how languages sort differs between versions; compare lower(x)"
	case "FUNCTION", "WINDOW":
	default:
		return ""
	}
	switch name := strings.ToLower(text(node["function_name"])); {
	case clockFunctions[name], name == "age" && len(list(node["children"])) == 1:
		if when == column.InQueries {
			return ""
		}
		return fmt.Sprintf("function %s() is refused: it reads the clock, so its result can change from call to call", name)
	case name == "median":
		return "function median() is refused: it takes decimals through binary floating point; write quantile_disc(x, 0.5)"
	case !functions[name] && !aggregates[name]:
		return fmt.Sprintf("function %s() is refused: it is not one of those whose result follows from their arguments alone", name)
	case mayRaise[name] != "" && when != column.AtIntake:
		return fmt.Sprintf("function %s() is refused, as it fails on some values and would stop the pipeline: write %s", name, mayRaise[name])
	}
	return ""
}
