// The functions that a statement of a person may call.

package duck

// mayAsk reports whether a statement of a person may call a function, given in lower case. Functions that a new version of DuckDB brings
// are refused until they are listed.
func mayAsk(name string) bool {
	return functions[name] || aggregates[name] || clockFunctions[name] || askedFunctions[name]
}

// askedFunctions are allowed beside those of a project's SQL: they are inexact, random, raise errors, or depend on an order, which only
// the result of the one statement shows. Left out are functions that
//   - execute, parse or plan other SQL: json_serialize_plan, json_deserialize_sql
//   - read settings, variables or the environment, or change something: current_setting, getvariable, getenv, setseed, nextval, write_log
//   - make values of any size, or wait, outside of all limits: bitstring, list_resize, format, printf, sleep_ms
//   - are parts of DuckDB's own plans, and trust their arguments: finalize, combine, remap_struct
var askedFunctions = set(`
	!__postfix <-> <=> isinf isnan isfinite acos acosh asin asinh atan atan2 atanh cos cosh cot sin sinh tan tanh degrees radians gamma
	lgamma nextafter random sign signbit bin bit_length bit_position get_bit set_bit hash hex from_binary from_hex to_base to_binary
	to_hex unbin unhex base64 to_base64 from_base64 encode decode url_encode url_decode md5_number md5_number_lower md5_number_upper
	bar format_bytes formatreadabledecimalsize formatreadablesize pg_size_pretty parse_formatted_bytes parse_dirname parse_dirpath
	parse_filename parse_path jaccard jaro_similarity jaro_winkler_similarity left_grapheme right_grapheme length_grapheme
	substring_grapheme regexp_escape regexp_split_to_table str_split_regex string_split_regex array_to_string_comma_default
	gen_random_uuid uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version
	nanosecond make_timestamp_ms make_timestamp_ns make_timestamptz normalized_interval timezone_hour timezone_minute equi_width_bins
	alias typeof pg_typeof enum_code enum_first enum_last enum_range enum_range_boundary
	aggregate array_aggr array_aggregate list_aggr list_aggregate array_cosine_distance array_cosine_similarity array_cross_product
	array_distance array_dot_product array_inner_product array_negative_dot_product array_negative_inner_product list_cosine_distance
	list_cosine_similarity list_distance list_dot_product list_inner_product list_negative_dot_product list_negative_inner_product
	array_grade_up grade_up list_grade_up array_intersect array_select array_where array_zip array_pop_back array_pop_front
	array_push_back array_push_front generate_subscripts list_any_value list_approx_count_distinct list_bit_and list_bit_or
	list_bit_xor list_entropy list_histogram list_kurtosis list_kurtosis_pop list_mad list_median list_mode list_product list_sem
	list_skewness list_stddev_pop list_stddev_samp list_var_pop list_var_samp map_concat map_contains_entry map_contains_value
	struct_contains struct_has struct_indexof struct_keys struct_position struct_update struct_values union_extract union_tag
	union_value variant_extract variant_typeof
	from_json from_json_strict json_pretty json_structure json_transform json_transform_strict json_group_array json_group_object
	json_group_structure
	current_catalog current_database current_schema current_schemas current_user current_role session_user user version
	format_type format_pg_type col_description obj_description shobj_description map_to_pg_oid pg_get_constraintdef pg_get_expr
	pg_get_viewdef pg_table_is_visible pg_type_is_visible pg_function_is_visible pg_collation_is_visible has_table_privilege
	has_schema_privilege has_column_privilege has_any_column_privilege has_database_privilege
	approx_count_distinct approx_quantile approx_top_k arg_max_nulls_last arg_min_nulls_last bitstring_agg corr covar_pop covar_samp
	entropy favg fill geomean geometric_mean histogram_exact kurtosis kurtosis_pop mad median mode quantile quantile_cont regr_avgx
	regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness wavg
	weighted_avg`)

// largeFunctions make values of any size. The SQL of a project may call them.
var largeFunctions = set("bitstring array_resize list_resize format printf")

// tableFunctions are the functions that may follow FROM: they make rows from their arguments, or list names of the catalog.
var tableFunctions = set(`unnest range generate_series json_each json_tree
	duckdb_tables duckdb_views duckdb_columns duckdb_constraints duckdb_indexes duckdb_schemas duckdb_types duckdb_functions duckdb_keywords`)
