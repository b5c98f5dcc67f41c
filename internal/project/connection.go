// How the accounts of an institution are fetched: the keys `connector`, `limits`, `refresh`, `breaker` and `login` of institutions/*.yaml.

package project

import (
	"maps"
	"slices"
	"time"
)

// The kinds of connectors.
const (
	SimpleFINConnector = "simplefin" // accounts and transactions, through a bridge
	OFXConnector       = "ofx"       // OFX Direct Connect
	CursorConnector    = "cursor"    // an API with a cursor: added, modified and removed transactions
	FilesConnector     = "files"     // a folder, or one that SFTP reaches
	ExecConnector      = "exec"      // a program that speaks the Singer message format
)

// Connection says how the accounts of an institution are fetched.
type Connection struct {
	Kind     string
	Settings map[string]string // by key; values may be references
	Command  []string          // of a program
	Streams  map[string]string // of a program: stream of the project by stream of the program
	Env      map[string]string // of a program; values may be references
	CA       string            // file of certificates that are trusted, relative to the project; empty: those of the system
	Timeout  time.Duration     // of one request

	Limits  Limits
	Refresh Refresh
	Breaker Breaker
	Login   LoginWaits
}

// Limits are what an institution allows. They hold for all processes of the project together.
type Limits struct {
	Requests int           // in any interval of length Per
	Per      time.Duration // at most an hour
	Sessions int           // at the same time

	AccountDay int // refreshes of an account a day
	Day        int // refreshes of all accounts a day; 0: any number
	Reserve    int // percentage of both that is kept for refreshes that people ask for
}

// Refresh says when accounts are fetched without being asked for.
type Refresh struct {
	Every time.Duration // at the most often; 0: only when asked for
	Since time.Duration // how far back the first fetch of an account reaches
}

// Breaker says when an institution is left alone because it does not work.
type Breaker struct {
	Failures int           // in a row
	Wait     time.Duration // until it is tried again; twice as long after each attempt that fails
	Longest  time.Duration
}

// LoginWaits are how long a refresh waits for a person.
type LoginWaits struct {
	Answer      time.Duration // for the answer to a question, such as a one-time password
	Credentials time.Duration // for new credentials, after the institution has rejected them
}

// connectorKeys are the keys of `connector` by kind, beside kind, ca and timeout; those that are required first.
var connectorKeys = map[string]struct {
	required, optional []string
	remote             bool // it has requests
}{
	SimpleFINConnector: {optional: []string{"days"}, remote: true},
	OFXConnector:       {required: []string{"url"}, optional: []string{"org", "fid", "bank_id", "version", "app_id", "app_version", "client_uid", "days"}, remote: true},
	CursorConnector:    {required: []string{"url"}, optional: []string{"count"}, remote: true},
	FilesConnector:     {required: []string{"url"}, optional: []string{"pattern", "host_key", "settled"}},
	ExecConnector:      {required: []string{"command", "streams"}, optional: []string{"env", "config", "catalog", "properties"}},
}

// Streams of what connectors report of transactions and balances of accounts. Projects with a connector have them.
const (
	AccountTransactionStream = "account_transactions"
	AccountBalanceStream     = "account_balances"
)

// AccountStreams are the built-in streams that connectors fill.
var AccountStreams = []string{AccountTransactionStream, AccountBalanceStream}

// HasConnectors reports whether an institution of the project has a connector.
func (p *Project) HasConnectors() bool {
	for _, i := range p.Institutions {
		if i.Connection != nil {
			return true
		}
	}
	return false
}

// ConnectorKinds returns the kinds of connectors, sorted.
func ConnectorKinds() []string { return slices.Sorted(maps.Keys(connectorKeys)) }
