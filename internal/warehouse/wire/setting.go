// Settings, as PostgreSQL has them. They are reported, and those that clients set on connecting are accepted; only statement_timeout has an effect.

package wire

import (
	"strconv"
	"strings"
	"time"
)

// setting is a setting with its value.
type setting struct{ name, value string }

// reported are the settings that every client gets when it connects.
var reported = []setting{
	{"server_version", "15.0"},
	{"server_encoding", "UTF8"},
	{"client_encoding", "UTF8"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"integer_datetimes", "on"},
	{"standard_conforming_strings", "on"},
	{"is_superuser", "off"},
	{"in_hot_standby", "off"},
	{"default_transaction_read_only", "on"},
}

// settings are the others that SHOW knows, and those that may be set.
var settings = []setting{
	{"server_version_num", "150000"},
	{"transaction_isolation", "repeatable read"},
	{"default_transaction_isolation", "repeatable read"},
	{"transaction_read_only", "on"},
	{"transaction_deferrable", "off"},
	{"default_transaction_deferrable", "off"},
	{"search_path", `"$user", public`},
	{"max_identifier_length", "63"},
	{"max_index_keys", "32"},
	{"lc_collate", "C"},
	{"lc_ctype", "C.UTF-8"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_messages", "C"},
	{"lc_time", "C"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"client_min_messages", "notice"},
	{"row_security", "on"},
	{"lock_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},
	{"session_authorization", ""},
	{"application_name", ""},
	{"statement_timeout", "0"},
	{"quote_all_identifiers", "off"},
	{"escape_string_warning", "on"},
	{"backslash_quote", "safe_encoding"},
	{"jit", "off"},
	{"enable_seqscan", "on"},
	{"work_mem", "4MB"},
	{"xmloption", "content"},
	{"synchronize_seqscans", "on"},
	{"default_tablespace", ""},
	{"default_table_access_method", "heap"},
	{"check_function_bodies", "on"},
}

// knownSetting returns the value of a setting.
func (c *session) knownSetting(name string) (value string, known bool) {
	for _, list := range [][]setting{reported, settings} {
		for _, s := range list {
			if strings.EqualFold(s.name, name) {
				return c.current(s), true
			}
		}
	}
	return "", false
}

// current returns the value of a setting in this session.
func (c *session) current(s setting) string {
	switch s.name {
	case "session_authorization":
		return c.server.o.User
	case "application_name":
		return c.application
	case "statement_timeout":
		return c.timeout.String()
	}
	return s.value
}

// phrases are settings that SQL names with several words.
var phrases = map[string]string{
	"time zone": "timezone", "transaction isolation level": "transaction_isolation", "session authorization": "session_authorization", "names": "client_encoding",
}

// show returns the command that shows a setting; nil if it is none, and may be a table.
func (c *session) show(tokens []token) *command {
	words := make([]string, 0, len(tokens))
	for _, t := range tokens[1:] {
		words = append(words, t.name())
	}
	name := strings.Join(words, " ")
	if phrase, ok := phrases[name]; ok {
		name = phrase
	}
	if _, known := c.knownSetting(name); !known {
		return nil
	}
	return &command{columns: textColumn(name), run: func(c *session) (string, []string, error) {
		value, _ := c.knownSetting(name)
		return "SHOW", []string{value}, nil
	}}
}

// setting returns the command that sets a setting, or resets one: only what PostgreSQL's clients set is accepted.
func (c *session) setting(verb string, tokens []token) (*command, error) {
	rest := tokens[1:]
	for len(rest) > 1 && (rest[0].is("session") || rest[0].is("local")) && !rest[1].is("characteristics") && !rest[1].is("authorization") {
		rest = rest[1:]
	}
	tag := strings.ToUpper(verb)
	if len(rest) == 0 {
		return nil, refuse(codeSyntax, "syntax error at the end of %s", tag)
	}
	name, values := rest[0].name(), rest[1:]
	switch {
	case name == "transaction", name == "session" && wordAt(rest, 1) == "characteristics", verb == "reset" && name == "all":
		return done(tag), nil
	case name == "time" && wordAt(rest, 1) == "zone":
		name, values = "timezone", rest[2:]
	case name == "names":
		name = "client_encoding"
	}
	if _, known := c.knownSetting(name); !known || name == "session_authorization" {
		return nil, refuse(codeNoSetting, "setting %q cannot be changed here", brief(name))
	}
	if verb == "reset" {
		values = nil
	}
	return c.assignment(tag, name, valueOf(values))
}

// valueOf returns the text of the last value of SET.
func valueOf(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	last := tokens[len(tokens)-1]
	return strings.Trim(last.text, `'"`)
}

func (c *session) assignment(tag, name, value string) (*command, error) {
	switch name {
	case "client_encoding":
		switch strings.ToLower(strings.ReplaceAll(value, "-", "")) {
		case "", "default", "utf8", "unicode":
		default:
			return nil, refuse(codeNotSupported, "the encoding %q is not supported: it is UTF8", brief(value))
		}
	case "statement_timeout":
		return c.timeoutCommand(tag, value)
	}
	return &command{run: func(c *session) (string, []string, error) {
		if name == "application_name" {
			c.application = value
		}
		return tag, nil, nil
	}}, nil
}

// timeoutCommand lets a client shorten the time of its statements.
func (c *session) timeoutCommand(tag, value string) (*command, error) {
	limit := c.server.o.Timeout
	wanted, err := time.ParseDuration(value)
	if n, failed := strconv.ParseInt(value, 10, 32); failed == nil {
		wanted, err = time.Duration(n)*time.Millisecond, nil
	}
	switch {
	case value == "" || strings.EqualFold(value, "default"):
		wanted = limit
	case err != nil || wanted < 0:
		return nil, refuse(codeInvalidText, "invalid value for parameter \"statement_timeout\": %q", brief(value))
	case wanted == 0 || wanted > limit:
		wanted = limit
	}
	return &command{run: func(c *session) (string, []string, error) {
		c.timeout = wanted
		return tag, nil, nil
	}}, nil
}
