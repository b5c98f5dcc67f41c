-- PostgreSQL's catalog and information schema, as far as clients read them, over the tables that describe the warehouse: bursar_rel and
-- bursar_att. No table of a project has such a name: a statement about the catalog and about one of these is not executed here.

CREATE SCHEMA info;
CREATE TABLE bursar_nsp (oid UINTEGER, nspname VARCHAR);
CREATE TABLE bursar_rel (oid UINTEGER, nspname VARCHAR, relname VARCHAR, relkind VARCHAR, definition VARCHAR, tuples BIGINT);
CREATE TABLE bursar_att (attrelid UINTEGER, attnum SMALLINT, attname VARCHAR, atttypid UINTEGER, attlen SMALLINT, atttypmod INTEGER, required BOOLEAN);
CREATE TABLE bursar_me (name VARCHAR);

CREATE TABLE bursar_typ AS SELECT * FROM (VALUES
    (16, 'bool', 'boolean', 1, 'B', 1000, true), (17, 'bytea', 'bytea', -1, 'U', 1001, false), (18, 'char', '"char"', 1, 'Z', 1002, false), (19, 'name', 'name', 64, 'S', 1003, false),
    (20, 'int8', 'bigint', 8, 'N', 1016, false), (21, 'int2', 'smallint', 2, 'N', 1005, false), (23, 'int4', 'integer', 4, 'N', 1007, false), (25, 'text', 'text', -1, 'S', 1009, true),
    (26, 'oid', 'oid', 4, 'N', 1028, true), (114, 'json', 'json', -1, 'U', 199, false), (700, 'float4', 'real', 4, 'N', 1021, false), (701, 'float8', 'double precision', 8, 'N', 1022, true),
    (1042, 'bpchar', 'character', -1, 'S', 1014, false), (1043, 'varchar', 'character varying', -1, 'S', 1015, false), (1082, 'date', 'date', 4, 'D', 1182, false),
    (1083, 'time', 'time without time zone', 8, 'D', 1183, false), (1114, 'timestamp', 'timestamp without time zone', 8, 'D', 1115, false),
    (1184, 'timestamptz', 'timestamp with time zone', 8, 'D', 1185, true), (1186, 'interval', 'interval', 16, 'T', 1187, true), (1700, 'numeric', 'numeric', -1, 'N', 1231, false),
    (2950, 'uuid', 'uuid', 16, 'U', 2951, false), (3802, 'jsonb', 'jsonb', -1, 'U', 3807, false)
) t(oid, typname, formatted, typlen, typcategory, typarray, typispreferred);

CREATE VIEW pg_namespace AS SELECT oid, nspname, 10::UINTEGER AS nspowner, NULL::VARCHAR[] AS nspacl FROM bursar_nsp;

CREATE VIEW pg_class AS SELECT
    r.oid, r.relname, n.oid AS relnamespace, 0::UINTEGER AS reltype, 0::UINTEGER AS reloftype, 10::UINTEGER AS relowner, 2::UINTEGER AS relam, r.oid AS relfilenode,
    0::UINTEGER AS reltablespace, 0::INTEGER AS relpages, r.tuples::REAL AS reltuples, 0::INTEGER AS relallvisible, 0::UINTEGER AS reltoastrelid, false AS relhasindex,
    false AS relisshared, 'p' AS relpersistence, r.relkind, (SELECT count(*) FROM bursar_att a WHERE a.attrelid = r.oid)::SMALLINT AS relnatts, 0::SMALLINT AS relchecks,
    false AS relhasrules, false AS relhastriggers, false AS relhassubclass, false AS relrowsecurity, false AS relforcerowsecurity, true AS relispopulated, 'n' AS relreplident,
    false AS relispartition, 0::UINTEGER AS relrewrite, 0::UINTEGER AS relfrozenxid, 0::UINTEGER AS relminmxid, NULL::VARCHAR[] AS relacl, NULL::VARCHAR[] AS reloptions,
    NULL::VARCHAR AS relpartbound, false AS relhasoids
FROM bursar_rel r JOIN bursar_nsp n ON n.nspname = r.nspname;

CREATE VIEW pg_attribute AS SELECT
    attrelid, attname, atttypid, -1::INTEGER AS attstattarget, attlen, attnum, 0::INTEGER AS attndims, -1::INTEGER AS attcacheoff, atttypmod, false AS attbyval, 'i' AS attalign,
    'p' AS attstorage, '' AS attcompression, required AS attnotnull, false AS atthasdef, false AS atthasmissing, '' AS attidentity, '' AS attgenerated, false AS attisdropped,
    true AS attislocal, 0::INTEGER AS attinhcount, 0::UINTEGER AS attcollation, NULL::VARCHAR[] AS attacl, NULL::VARCHAR[] AS attoptions, NULL::VARCHAR[] AS attfdwoptions, NULL::VARCHAR AS attmissingval
FROM bursar_att;

CREATE VIEW pg_type AS
SELECT oid::UINTEGER AS oid, typname, 11::UINTEGER AS typnamespace, 10::UINTEGER AS typowner, typlen::SMALLINT AS typlen, false AS typbyval, 'b' AS typtype, typcategory, typispreferred, true AS typisdefined,
    ',' AS typdelim, 0::UINTEGER AS typrelid, 0::UINTEGER AS typsubscript, 0::UINTEGER AS typelem, typarray::UINTEGER AS typarray, typname || 'in' AS typinput, typname || 'out' AS typoutput, typname || 'recv' AS typreceive,
    typname || 'send' AS typsend, '-' AS typmodin, '-' AS typmodout, '-' AS typanalyze, 'i' AS typalign, 'p' AS typstorage, false AS typnotnull, 0::UINTEGER AS typbasetype,
    -1::INTEGER AS typtypmod, 0::INTEGER AS typndims, 0::UINTEGER AS typcollation, NULL::VARCHAR AS typdefaultbin, NULL::VARCHAR AS typdefault, NULL::VARCHAR[] AS typacl
FROM bursar_typ
UNION ALL
SELECT typarray::UINTEGER, '_' || typname, 11, 10, -1, false, 'b', 'A', false, true, ',', 0, 6179, oid::UINTEGER, 0, 'array_in', 'array_out', 'array_recv', 'array_send', '-', '-', '-', 'i', 'x', false, 0, -1, 0, 0, NULL, NULL, NULL FROM bursar_typ;

CREATE VIEW pg_database AS SELECT 5::UINTEGER AS oid, 'warehouse' AS datname, 10::UINTEGER AS datdba, 6::INTEGER AS encoding, 'c' AS datlocprovider, false AS datistemplate, true AS datallowconn,
    -1::INTEGER AS datconnlimit, 0::UINTEGER AS datfrozenxid, 1::UINTEGER AS datminmxid, 1663::UINTEGER AS dattablespace, 'C' AS datcollate, 'C.UTF-8' AS datctype, NULL::VARCHAR AS daticulocale,
    NULL::VARCHAR AS datcollversion, NULL::VARCHAR[] AS datacl, 0::UINTEGER AS datlastsysoid;
CREATE VIEW pg_roles AS SELECT 10::UINTEGER AS oid, name AS rolname, false AS rolsuper, true AS rolinherit, false AS rolcreaterole, false AS rolcreatedb, true AS rolcanlogin, false AS rolreplication,
    -1::INTEGER AS rolconnlimit, '********' AS rolpassword, NULL::TIMESTAMP WITH TIME ZONE AS rolvaliduntil, false AS rolbypassrls, NULL::VARCHAR[] AS rolconfig FROM bursar_me;
CREATE VIEW pg_authid AS FROM pg_roles;
CREATE VIEW pg_user AS SELECT rolname AS usename, oid AS usesysid, rolcreatedb AS usecreatedb, rolsuper AS usesuper, false AS userepl, false AS usebypassrls, '********' AS passwd, rolvaliduntil AS valuntil, rolconfig AS useconfig FROM pg_roles;
CREATE VIEW pg_shadow AS FROM pg_user;
CREATE VIEW pg_tablespace AS SELECT 1663::UINTEGER AS oid, 'pg_default' AS spcname, 10::UINTEGER AS spcowner, NULL::VARCHAR[] AS spcacl, NULL::VARCHAR[] AS spcoptions;
CREATE VIEW pg_am AS SELECT 2::UINTEGER AS oid, 'heap' AS amname, 'heap_tableam_handler' AS amhandler, 't' AS amtype;
CREATE VIEW pg_language AS SELECT 14::UINTEGER AS oid, 'sql' AS lanname, 10::UINTEGER AS lanowner, false AS lanispl, true AS lanpltrusted, 0::UINTEGER AS lanplcallfoid, 0::UINTEGER AS laninline, 0::UINTEGER AS lanvalidator, NULL::VARCHAR[] AS lanacl, 2612::UINTEGER AS tableoid;
CREATE VIEW pg_settings AS SELECT name, setting, NULL::VARCHAR AS unit, '' AS category, '' AS short_desc, 'user' AS context, 'string' AS vartype, 'default' AS source, setting AS boot_val, setting AS reset_val, false AS pending_restart FROM (VALUES ('max_index_keys', '32'), ('server_version_num', '150000'), ('TimeZone', 'UTC'), ('bytea_output', 'hex'), ('search_path', 'public'), ('standard_conforming_strings', 'on'), ('max_identifier_length', '63'),
    ('lc_collate', 'C'), ('server_encoding', 'UTF8'), ('client_encoding', 'UTF8'), ('is_superuser', 'off'), ('default_transaction_read_only', 'on'), ('default_transaction_isolation', 'repeatable read'), ('transaction_isolation', 'repeatable read'), ('jit', 'off')) t(name, setting);
CREATE VIEW pg_tables AS SELECT nspname AS schemaname, relname AS tablename, (SELECT name FROM bursar_me) AS tableowner, NULL::VARCHAR AS tablespace, false AS hasindexes, false AS hasrules, false AS hastriggers, false AS rowsecurity FROM bursar_rel WHERE relkind = 'r';
CREATE VIEW pg_views AS SELECT nspname AS schemaname, relname AS viewname, (SELECT name FROM bursar_me) AS viewowner, definition FROM bursar_rel WHERE relkind = 'v';
CREATE VIEW pg_stat_user_tables AS SELECT oid AS relid, nspname AS schemaname, relname, tuples AS n_live_tup, 0::BIGINT AS n_dead_tup, 0::BIGINT AS seq_scan, 0::BIGINT AS idx_scan FROM bursar_rel WHERE relkind = 'r';
CREATE VIEW pg_stat_activity AS SELECT 5::UINTEGER AS datid, 'warehouse' AS datname, 1::INTEGER AS pid, 10::UINTEGER AS usesysid, name AS usename, '' AS application_name, NULL::VARCHAR AS client_addr, 'active' AS state, '' AS query FROM bursar_me WHERE false;

-- What the warehouse does not have.
CREATE TABLE pg_index (indexrelid UINTEGER, indrelid UINTEGER, indnatts SMALLINT, indnkeyatts SMALLINT, indisunique BOOLEAN, indnullsnotdistinct BOOLEAN, indisprimary BOOLEAN, indisexclusion BOOLEAN, indimmediate BOOLEAN,
    indisclustered BOOLEAN, indisvalid BOOLEAN, indcheckxmin BOOLEAN, indisready BOOLEAN, indislive BOOLEAN, indisreplident BOOLEAN, indkey SMALLINT[], indcollation UINTEGER[], indclass UINTEGER[], indoption SMALLINT[], indexprs VARCHAR, indpred VARCHAR);
CREATE TABLE pg_constraint (oid UINTEGER, conname VARCHAR, connamespace UINTEGER, contype VARCHAR, condeferrable BOOLEAN, condeferred BOOLEAN, convalidated BOOLEAN, conrelid UINTEGER, contypid UINTEGER, conindid UINTEGER,
    conparentid UINTEGER, confrelid UINTEGER, confupdtype VARCHAR, confdeltype VARCHAR, confmatchtype VARCHAR, conislocal BOOLEAN, coninhcount INTEGER, connoinherit BOOLEAN, conkey SMALLINT[], confkey SMALLINT[],
    conpfeqop UINTEGER[], conppeqop UINTEGER[], conffeqop UINTEGER[], confdelsetcols SMALLINT[], conexclop UINTEGER[], conbin VARCHAR);
CREATE TABLE pg_attrdef (oid UINTEGER, adrelid UINTEGER, adnum SMALLINT, adbin VARCHAR);
CREATE TABLE pg_description (objoid UINTEGER, classoid UINTEGER, objsubid INTEGER, description VARCHAR);
CREATE TABLE pg_shdescription (objoid UINTEGER, classoid UINTEGER, description VARCHAR);
CREATE TABLE pg_depend (classid UINTEGER, objid UINTEGER, objsubid INTEGER, refclassid UINTEGER, refobjid UINTEGER, refobjsubid INTEGER, deptype VARCHAR);
CREATE TABLE pg_inherits (inhrelid UINTEGER, inhparent UINTEGER, inhseqno INTEGER, inhdetachpending BOOLEAN);
CREATE TABLE pg_trigger (oid UINTEGER, tgrelid UINTEGER, tgparentid UINTEGER, tgname VARCHAR, tgfoid UINTEGER, tgtype SMALLINT, tgenabled VARCHAR, tgisinternal BOOLEAN, tgconstrrelid UINTEGER, tgconstrindid UINTEGER, tgconstraint UINTEGER, tgdeferrable BOOLEAN, tginitdeferred BOOLEAN, tgnargs SMALLINT, tgattr SMALLINT[], tgargs VARCHAR, tgqual VARCHAR);
CREATE TABLE pg_policy (oid UINTEGER, polname VARCHAR, polrelid UINTEGER, polcmd VARCHAR, polpermissive BOOLEAN, polroles UINTEGER[], polqual VARCHAR, polwithcheck VARCHAR);
CREATE TABLE pg_rewrite (oid UINTEGER, rulename VARCHAR, ev_class UINTEGER, ev_type VARCHAR, ev_enabled VARCHAR, is_instead BOOLEAN);
CREATE TABLE pg_statistic_ext (oid UINTEGER, stxrelid UINTEGER, stxname VARCHAR, stxnamespace UINTEGER, stxowner UINTEGER, stxstattarget INTEGER, stxkeys SMALLINT[], stxkind VARCHAR[]);
CREATE TABLE pg_publication (oid UINTEGER, pubname VARCHAR, pubowner UINTEGER, puballtables BOOLEAN, pubinsert BOOLEAN, pubupdate BOOLEAN, pubdelete BOOLEAN, pubtruncate BOOLEAN, pubviaroot BOOLEAN);
CREATE TABLE pg_publication_rel (oid UINTEGER, prpubid UINTEGER, prrelid UINTEGER, prqual VARCHAR, prattrs SMALLINT[]);
CREATE TABLE pg_publication_namespace (oid UINTEGER, pnpubid UINTEGER, pnnspid UINTEGER);
CREATE TABLE pg_enum (oid UINTEGER, enumtypid UINTEGER, enumsortorder REAL, enumlabel VARCHAR);
CREATE TABLE pg_range (rngtypid UINTEGER, rngsubtype UINTEGER, rngmultitypid UINTEGER, rngcollation UINTEGER, rngsubopc UINTEGER);
CREATE TABLE pg_collation (oid UINTEGER, collname VARCHAR, collnamespace UINTEGER, collowner UINTEGER, collprovider VARCHAR, collisdeterministic BOOLEAN, collencoding INTEGER, collcollate VARCHAR, collctype VARCHAR, colliculocale VARCHAR);
CREATE TABLE pg_proc (oid UINTEGER, proname VARCHAR, pronamespace UINTEGER, proowner UINTEGER, prolang UINTEGER, procost REAL, prorows REAL, provariadic UINTEGER, prokind VARCHAR, prosecdef BOOLEAN, proleakproof BOOLEAN, proisstrict BOOLEAN, proretset BOOLEAN,
    provolatile VARCHAR, proparallel VARCHAR, pronargs SMALLINT, pronargdefaults SMALLINT, prorettype UINTEGER, proargtypes UINTEGER[], proallargtypes UINTEGER[], proargmodes VARCHAR[], proargnames VARCHAR[], prosrc VARCHAR, proacl VARCHAR[]);
CREATE TABLE pg_aggregate (aggfnoid UINTEGER, aggkind VARCHAR);
CREATE TABLE pg_operator (oid UINTEGER, oprname VARCHAR, oprnamespace UINTEGER, oprkind VARCHAR, oprleft UINTEGER, oprright UINTEGER, oprresult UINTEGER, oprcode VARCHAR);
CREATE TABLE pg_opclass (oid UINTEGER, opcmethod UINTEGER, opcname VARCHAR, opcnamespace UINTEGER, opcdefault BOOLEAN, opcintype UINTEGER);
CREATE TABLE pg_extension (oid UINTEGER, extname VARCHAR, extowner UINTEGER, extnamespace UINTEGER, extrelocatable BOOLEAN, extversion VARCHAR);
CREATE TABLE pg_available_extensions (name VARCHAR, default_version VARCHAR, installed_version VARCHAR, comment VARCHAR);
CREATE TABLE pg_foreign_table (ftrelid UINTEGER, ftserver UINTEGER, ftoptions VARCHAR[]);
CREATE TABLE pg_foreign_server (oid UINTEGER, srvname VARCHAR, srvowner UINTEGER, srvfdw UINTEGER, srvtype VARCHAR, srvversion VARCHAR, srvacl VARCHAR[], srvoptions VARCHAR[]);
CREATE TABLE pg_foreign_data_wrapper (oid UINTEGER, fdwname VARCHAR, fdwowner UINTEGER, fdwhandler UINTEGER, fdwvalidator UINTEGER, fdwacl VARCHAR[], fdwoptions VARCHAR[]);
CREATE TABLE pg_sequence (seqrelid UINTEGER, seqtypid UINTEGER, seqstart BIGINT, seqincrement BIGINT, seqmax BIGINT, seqmin BIGINT, seqcache BIGINT, seqcycle BOOLEAN);
CREATE TABLE pg_sequences (schemaname VARCHAR, sequencename VARCHAR, sequenceowner VARCHAR, data_type VARCHAR, last_value BIGINT);
CREATE TABLE pg_indexes (schemaname VARCHAR, tablename VARCHAR, indexname VARCHAR, tablespace VARCHAR, indexdef VARCHAR);
CREATE TABLE pg_matviews (schemaname VARCHAR, matviewname VARCHAR, matviewowner VARCHAR, tablespace VARCHAR, hasindexes BOOLEAN, ispopulated BOOLEAN, definition VARCHAR);
CREATE TABLE pg_partitioned_table (partrelid UINTEGER, partstrat VARCHAR, partnatts SMALLINT, partdefid UINTEGER, partattrs SMALLINT[], partclass UINTEGER[], partcollation UINTEGER[], partexprs VARCHAR);
CREATE TABLE pg_auth_members (roleid UINTEGER, member UINTEGER, grantor UINTEGER, admin_option BOOLEAN);
CREATE TABLE pg_db_role_setting (setdatabase UINTEGER, setrole UINTEGER, setconfig VARCHAR[]);
CREATE TABLE pg_event_trigger (oid UINTEGER, evtname VARCHAR, evtevent VARCHAR, evtowner UINTEGER, evtfoid UINTEGER, evtenabled VARCHAR, evttags VARCHAR[]);
CREATE TABLE pg_cast (oid UINTEGER, castsource UINTEGER, casttarget UINTEGER, castfunc UINTEGER, castcontext VARCHAR, castmethod VARCHAR);
CREATE TABLE pg_default_acl (oid UINTEGER, defaclrole UINTEGER, defaclnamespace UINTEGER, defaclobjtype VARCHAR, defaclacl VARCHAR[]);
CREATE TABLE pg_subscription (oid UINTEGER, subdbid UINTEGER, subname VARCHAR, subowner UINTEGER, subenabled BOOLEAN);
CREATE TABLE pg_locks (locktype VARCHAR, database UINTEGER, relation UINTEGER, pid INTEGER, mode VARCHAR, granted BOOLEAN);
CREATE TABLE pg_rules (schemaname VARCHAR, tablename VARCHAR, rulename VARCHAR, definition VARCHAR);
CREATE TABLE pg_largeobject_metadata (oid UINTEGER, lomowner UINTEGER, lomacl VARCHAR[]);
CREATE TABLE pg_ts_config (oid UINTEGER, cfgname VARCHAR, cfgnamespace UINTEGER, cfgowner UINTEGER, cfgparser UINTEGER);
CREATE TABLE pg_timezone_names (name VARCHAR, abbrev VARCHAR, utc_offset INTERVAL, is_dst BOOLEAN);

-- The information schema.
CREATE VIEW info.schemata AS SELECT 'warehouse' AS catalog_name, nspname AS schema_name, (SELECT name FROM bursar_me) AS schema_owner, NULL::VARCHAR AS default_character_set_catalog FROM bursar_nsp;
CREATE VIEW info.tables AS SELECT 'warehouse' AS table_catalog, nspname AS table_schema, relname AS table_name, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'BASE TABLE' END AS table_type,
    NULL::VARCHAR AS self_referencing_column_name, NULL::VARCHAR AS reference_generation, NULL::VARCHAR AS user_defined_type_name, 'NO' AS is_insertable_into, 'NO' AS is_typed, NULL::VARCHAR AS commit_action FROM bursar_rel;
CREATE VIEW info.views AS SELECT 'warehouse' AS table_catalog, nspname AS table_schema, relname AS table_name, definition AS view_definition, 'NONE' AS check_option, 'NO' AS is_updatable, 'NO' AS is_insertable_into FROM bursar_rel WHERE relkind = 'v';
CREATE VIEW info.columns AS SELECT 'warehouse' AS table_catalog, r.nspname AS table_schema, r.relname AS table_name, a.attname AS column_name, a.attnum::INTEGER AS ordinal_position, NULL::VARCHAR AS column_default,
    CASE WHEN a.required THEN 'NO' ELSE 'YES' END AS is_nullable, coalesce(t.formatted, 'ARRAY') AS data_type, NULL::INTEGER AS character_maximum_length, NULL::INTEGER AS character_octet_length,
    CASE a.atttypid WHEN 1700 THEN (a.atttypmod - 4) >> 16 WHEN 20 THEN 64 WHEN 23 THEN 32 WHEN 21 THEN 16 WHEN 701 THEN 53 WHEN 700 THEN 24 END::INTEGER AS numeric_precision,
    CASE WHEN a.atttypid = 1700 THEN 10 WHEN a.atttypid IN (20, 21, 23, 700, 701) THEN 2 END::INTEGER AS numeric_precision_radix,
    CASE WHEN a.atttypid = 1700 THEN (a.atttypmod - 4) & 65535 WHEN a.atttypid IN (20, 21, 23) THEN 0 END::INTEGER AS numeric_scale,
    CASE WHEN a.atttypid IN (1083, 1114, 1184) THEN 6 WHEN a.atttypid = 1082 THEN 0 END::INTEGER AS datetime_precision, NULL::VARCHAR AS interval_type, NULL::VARCHAR AS character_set_name, NULL::VARCHAR AS collation_schema, NULL::VARCHAR AS collation_name,
    NULL::VARCHAR AS domain_schema, NULL::VARCHAR AS domain_name, 'warehouse' AS udt_catalog, 'pg_catalog' AS udt_schema, y.typname AS udt_name, 'NO' AS is_self_referencing, 'NO' AS is_identity, NULL::VARCHAR AS identity_generation,
    'NEVER' AS is_generated, NULL::VARCHAR AS generation_expression, 'NO' AS is_updatable
FROM bursar_att a JOIN bursar_rel r ON r.oid = a.attrelid JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN bursar_typ t ON t.oid = a.atttypid;
CREATE VIEW info.table_privileges AS SELECT (SELECT name FROM bursar_me) AS grantor, (SELECT name FROM bursar_me) AS grantee, 'warehouse' AS table_catalog, nspname AS table_schema, relname AS table_name, 'SELECT' AS privilege_type, 'NO' AS is_grantable, 'YES' AS with_hierarchy FROM bursar_rel;
CREATE VIEW info.role_table_grants AS FROM info.table_privileges;
CREATE VIEW info.enabled_roles AS SELECT name AS role_name FROM bursar_me;
CREATE VIEW info.applicable_roles AS SELECT name AS grantee, name AS role_name, 'NO' AS is_grantable FROM bursar_me WHERE false;
CREATE VIEW info.character_sets AS SELECT 'UTF8' AS character_set_name, 'UTF8' AS default_collate_name;
CREATE TABLE info.table_constraints (constraint_catalog VARCHAR, constraint_schema VARCHAR, constraint_name VARCHAR, table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, constraint_type VARCHAR, is_deferrable VARCHAR, initially_deferred VARCHAR, enforced VARCHAR);
CREATE TABLE info.key_column_usage (constraint_catalog VARCHAR, constraint_schema VARCHAR, constraint_name VARCHAR, table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, column_name VARCHAR, ordinal_position INTEGER, position_in_unique_constraint INTEGER);
CREATE TABLE info.referential_constraints (constraint_catalog VARCHAR, constraint_schema VARCHAR, constraint_name VARCHAR, unique_constraint_catalog VARCHAR, unique_constraint_schema VARCHAR, unique_constraint_name VARCHAR, match_option VARCHAR, update_rule VARCHAR, delete_rule VARCHAR);
CREATE TABLE info.constraint_column_usage (table_catalog VARCHAR, table_schema VARCHAR, table_name VARCHAR, column_name VARCHAR, constraint_catalog VARCHAR, constraint_schema VARCHAR, constraint_name VARCHAR);
CREATE TABLE info.check_constraints (constraint_catalog VARCHAR, constraint_schema VARCHAR, constraint_name VARCHAR, check_clause VARCHAR);
CREATE TABLE info.routines (specific_catalog VARCHAR, specific_schema VARCHAR, specific_name VARCHAR, routine_catalog VARCHAR, routine_schema VARCHAR, routine_name VARCHAR, routine_type VARCHAR, data_type VARCHAR, routine_definition VARCHAR, external_language VARCHAR);
CREATE TABLE info.parameters (specific_catalog VARCHAR, specific_schema VARCHAR, specific_name VARCHAR, ordinal_position INTEGER, parameter_mode VARCHAR, parameter_name VARCHAR, data_type VARCHAR);
CREATE TABLE info.sequences (sequence_catalog VARCHAR, sequence_schema VARCHAR, sequence_name VARCHAR, data_type VARCHAR);
CREATE TABLE info.triggers (trigger_catalog VARCHAR, trigger_schema VARCHAR, trigger_name VARCHAR, event_manipulation VARCHAR, event_object_schema VARCHAR, event_object_table VARCHAR);

-- Functions. Names within them end in _, so that those of a statement are never theirs.
CREATE MACRO version() AS 'PostgreSQL 15.0 (Bursar warehouse on DuckDB)';
CREATE MACRO current_database() AS 'warehouse';
CREATE MACRO current_catalog() AS 'warehouse';
CREATE MACRO current_schema() AS 'public';
CREATE MACRO current_schemas(implicit) AS CASE WHEN implicit THEN ['pg_catalog', 'public'] ELSE ['public'] END;
CREATE MACRO current_user() AS (SELECT me_.name FROM bursar_me me_);
CREATE MACRO session_user() AS (SELECT me_.name FROM bursar_me me_);
CREATE MACRO user() AS (SELECT me_.name FROM bursar_me me_);
CREATE MACRO current_role() AS (SELECT me_.name FROM bursar_me me_);
CREATE MACRO current_setting(setting_name, missing_ok := false) AS (SELECT s_.setting FROM pg_settings s_ WHERE lower(s_.name) = lower(setting_name));
CREATE MACRO set_config(setting_name, new_value, is_local) AS new_value;
CREATE MACRO pg_backend_pid() AS 1::INTEGER;
CREATE MACRO pg_is_in_recovery() AS false;
CREATE MACRO pg_postmaster_start_time() AS TIMESTAMP WITH TIME ZONE '2000-01-01 00:00:00+00';
CREATE MACRO pg_conf_load_time() AS TIMESTAMP WITH TIME ZONE '2000-01-01 00:00:00+00';
CREATE MACRO pg_advisory_unlock_all() AS NULL::VARCHAR;
CREATE MACRO txid_current() AS 1::BIGINT;
CREATE MACRO inet_server_addr() AS NULL::VARCHAR;
CREATE MACRO inet_server_port() AS NULL::INTEGER;
CREATE MACRO inet_client_addr() AS NULL::VARCHAR;
CREATE MACRO inet_client_port() AS NULL::INTEGER;
CREATE MACRO pg_get_userbyid(id) AS (SELECT me_.name FROM bursar_me me_);
CREATE MACRO pg_encoding_to_char(id) AS 'UTF8';
CREATE MACRO pg_char_to_encoding(id) AS 6;
CREATE MACRO pg_table_is_visible(id) AS coalesce((SELECT r_.nspname = 'public' FROM bursar_rel r_ WHERE r_.oid = id), false);
CREATE MACRO pg_type_is_visible(id) AS true;
CREATE MACRO pg_function_is_visible(id) AS true;
CREATE MACRO pg_collation_is_visible(id) AS true;
CREATE MACRO pg_opclass_is_visible(id) AS true;
CREATE MACRO pg_operator_is_visible(id) AS true;
CREATE MACRO pg_get_expr(expression, id, pretty := false) AS NULL::VARCHAR;
CREATE MACRO pg_get_viewdef(id, pretty := false) AS (SELECT r_.definition FROM bursar_rel r_ WHERE r_.oid = id);
CREATE MACRO pg_get_constraintdef(id, pretty := false) AS NULL::VARCHAR;
CREATE MACRO pg_get_indexdef(id, col := 0, pretty := false) AS NULL::VARCHAR;
CREATE MACRO pg_get_triggerdef(id, pretty := false) AS NULL::VARCHAR;
CREATE MACRO pg_get_ruledef(id, pretty := false) AS NULL::VARCHAR;
CREATE MACRO pg_get_functiondef(id) AS NULL::VARCHAR;
CREATE MACRO pg_get_function_result(id) AS NULL::VARCHAR;
CREATE MACRO pg_get_function_arguments(id) AS NULL::VARCHAR;
CREATE MACRO pg_get_function_identity_arguments(id) AS NULL::VARCHAR;
CREATE MACRO pg_get_function_sqlbody(id) AS NULL::VARCHAR;
CREATE MACRO pg_ts_config_is_visible(id) AS true;
CREATE MACRO pg_get_partkeydef(id) AS NULL::VARCHAR;
CREATE MACRO pg_get_statisticsobjdef_columns(id) AS NULL::VARCHAR;
CREATE MACRO pg_get_serial_sequence(t, c) AS NULL::VARCHAR;
CREATE MACRO pg_get_keywords() AS TABLE SELECT keyword_name AS word, keyword_category[1] AS catcode, true AS barelabel FROM duckdb_keywords();
CREATE MACRO pg_relation_is_publishable(id) AS false;
CREATE MACRO pg_relation_size(id, fork := 'main') AS 0::BIGINT;
CREATE MACRO pg_total_relation_size(id) AS 0::BIGINT;
CREATE MACRO pg_table_size(id) AS 0::BIGINT;
CREATE MACRO pg_indexes_size(id) AS 0::BIGINT;
CREATE MACRO pg_database_size(id) AS 0::BIGINT;
CREATE MACRO pg_tablespace_location(id) AS '';
CREATE MACRO pg_stat_get_numscans(id) AS 0::BIGINT;
CREATE MACRO pg_has_role(a, b, c := '') AS true;
CREATE MACRO obj_description(id, catalog_name := '') AS NULL::VARCHAR;
CREATE MACRO col_description(id, num) AS NULL::VARCHAR;
CREATE MACRO shobj_description(id, catalog_name) AS NULL::VARCHAR;
CREATE MACRO has_schema_privilege(a, b, c := '') AS true;
CREATE MACRO has_database_privilege(a, b, c := '') AS true;
CREATE MACRO has_table_privilege(a, b, c := '') AS true;
CREATE MACRO has_any_column_privilege(a, b, c := '') AS true;
CREATE MACRO has_column_privilege(a, b, c, d := '') AS true;
CREATE MACRO has_function_privilege(a, b, c := '') AS true;
CREATE MACRO has_sequence_privilege(a, b, c := '') AS false;
CREATE MACRO getdatabaseencoding() AS 'UTF8';
CREATE MACRO array_remove(l, v) AS list_filter(l, lambda e_: e_ IS DISTINCT FROM v);
CREATE MACRO quote_ident(n) AS '"' || replace(n, '"', '""') || '"';
CREATE MACRO array_upper(l, dimension) AS CASE WHEN dimension = 1 THEN len(l) END;
CREATE MACRO array_lower(l, dimension) AS CASE WHEN dimension = 1 AND len(l) > 0 THEN 1 END;
CREATE MACRO format_type(id, modifier) AS (
    SELECT CASE WHEN t_.oid = 1700 AND modifier > 4 THEN 'numeric(' || ((modifier - 4) >> 16) || ',' || ((modifier - 4) & 65535) || ')'
        WHEN y_.typelem > 0 THEN (SELECT e_.formatted FROM bursar_typ e_ WHERE e_.oid = y_.typelem) || '[]' ELSE t_.formatted END
    FROM pg_type y_ LEFT JOIN bursar_typ t_ ON t_.oid = y_.oid WHERE y_.oid = id);
CREATE MACRO unquoted(n) AS CASE WHEN n LIKE '"%"' THEN replace(n[2:-2], '""', '"') ELSE lower(n) END;
CREATE MACRO to_regclass(n) AS coalesce(
    (SELECT min(r_.oid) FROM bursar_rel r_ WHERE r_.relname = unquoted(regexp_extract(n, '("(?:[^"]|"")*"|[^."]+)$', 1)) AND (r_.nspname = 'public' OR r_.nspname = unquoted(regexp_extract(n, '^("(?:[^"]|"")*"|[^."]+)[.]', 1)))),
    CASE regexp_extract(n, '[^.]*$') WHEN 'pg_class' THEN 1259 WHEN 'pg_type' THEN 1247 WHEN 'pg_proc' THEN 1255 WHEN 'pg_attribute' THEN 1249 WHEN 'pg_namespace' THEN 2615 WHEN 'pg_constraint' THEN 2606
        WHEN 'pg_database' THEN 1262 WHEN 'pg_trigger' THEN 2620 WHEN 'pg_rewrite' THEN 2618 WHEN 'pg_attrdef' THEN 2604 WHEN 'pg_description' THEN 2609 WHEN 'pg_extension' THEN 3079 WHEN 'pg_authid' THEN 1260 WHEN 'pg_tablespace' THEN 1213 END)::UINTEGER;
CREATE MACRO to_regtype(n) AS (SELECT min(y_.oid) FROM pg_type y_ LEFT JOIN bursar_typ t_ ON t_.oid = y_.oid WHERE y_.typname = n OR t_.formatted = n)::UINTEGER;
CREATE MACRO to_regnamespace(n) AS (SELECT min(n_.oid) FROM bursar_nsp n_ WHERE n_.nspname = n)::UINTEGER;
CREATE MACRO _pg_expandarray(l) AS unnest(list_transform(l, lambda x, i: {'x': x, 'n': i}));
CREATE MACRO info._pg_expandarray(l) AS unnest(list_transform(l, lambda x, i: {'x': x, 'n': i}));
