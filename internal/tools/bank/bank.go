// Package bank is a simulated institution: accounts whose transactions follow from a seed, behind a real TLS server that speaks three protocols and
// fails in the ways that institutions fail. It serves tests, the demonstration and benchmarks.
//
// It owns the books of its accounts, which are the truth that a client's result is compared with, and its own count of the requests that it
// received. It guarantees that the books follow from the seed, the day of the start and the time that has passed, whatever clients ask for and in
// whatever order, and that amounts are whole cents (rule 2). It must not import any package of the product: an error in both would not be noticed.
package bank

import (
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options says what an institution is like. The zero value is one account without faults.
type Options struct {
	Seed       uint64
	Accounts   int // 0 is 1
	PerUser    int // accounts that one login reaches; 0 is 1
	Statements int // months of history at the start; 0 is 2
	Activity   Activity
	Faults     Faults
	Limit      Limit
	Now        func() time.Time // nil is time.Now; Advance adds to it
	Listen     string           // empty is a free port of this machine
}

// Protocol is a way to ask the institution.
type Protocol string

// The protocols. All of them show the same accounts.
const (
	OFX       Protocol = "ofx"       // OFX Direct Connect, 1.x and 2.x
	SimpleFIN Protocol = "simplefin" // versions 1 and 2
	Cursor    Protocol = "cursor"    // shaped like Plaid's transactions/sync
)

// Bank is a running institution. It is safe for concurrent use.
type Bank struct {
	options      Options
	faults       Faults
	certificates *certificates
	counts       counts
	requests     atomic.Uint64 // the number of the last request; faults follow from it
	advanced     atomic.Int64  // nanoseconds that Advance has added
	started      time.Time

	accounts []*account
	users    []*user
	byID     sync.Map // account id to *account
	byName   map[string]*user
	byToken  map[string]*user
	claims   sync.Map // claim token to *user

	outage   atomic.Value // Outage
	throttle atomic.Int64 // until when every request is throttled, in nanoseconds of time.Now
	closed   chan struct{}
	closing  sync.Once
	work     sync.WaitGroup

	mu       sync.Mutex
	address  string
	server   *http.Server // nil while connections are refused
	listener net.Listener
}

// Start starts an institution, which runs until Close.
func Start(o Options) (*Bank, error) {
	o = o.withDefaults()
	b := &Bank{
		options: o, faults: o.Faults.withDefaults(), address: o.Listen, closed: make(chan struct{}),
		byName: map[string]*user{}, byToken: map[string]*user{},
	}
	b.started = b.now()
	b.outage.Store(None)
	b.counts.init(o.Limit)
	b.open()
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("start institution: listen on %q: %w", o.Listen, err)
	}
	if b.certificates, err = newCertificates(host); err != nil {
		return nil, fmt.Errorf("start institution: %w", err)
	}
	if err := b.listen(); err != nil {
		return nil, fmt.Errorf("start institution: %w", err)
	}
	if b.faults.OutageEvery > 0 {
		b.work.Go(b.scheduleOutages)
	}
	return b, nil
}

func (o Options) withDefaults() Options {
	if o.Accounts == 0 {
		o.Accounts = 1
	}
	if o.PerUser == 0 {
		o.PerUser = 1
	}
	if o.Statements == 0 {
		o.Statements = 2
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Limit.Per == 0 {
		o.Limit.Per = time.Minute
	}
	o.Activity = o.Activity.withDefaults()
	return o
}

// open creates the accounts and their users. What happened on them is generated when somebody asks.
func (b *Bank) open() {
	first := tickOf(b.started.AddDate(0, -b.options.Statements, 0))
	for i := range b.options.Accounts {
		if i%b.options.PerUser == 0 {
			u := newUser(b.options.Seed, len(b.users), b.faults)
			b.users = append(b.users, u)
			b.byName[u.name], b.byToken[u.token] = u, u
		}
		u := b.users[len(b.users)-1]
		a := newAccount(b, i, u, first)
		u.accounts = append(u.accounts, a)
		b.accounts = append(b.accounts, a)
		b.byID.Store(a.id, a)
	}
}

// URL returns where a protocol is asked: the address of OFX requests, SimpleFIN's root, or the folder of the cursor API.
func (b *Bank) URL(p Protocol) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return "https://" + b.address + "/" + string(p)
}

// RootCA returns the certificate authority of the server in PEM. It is a new one at each start.
func (b *Bank) RootCA() []byte { return b.certificates.root }

// Close breaks all connections and frees everything.
func (b *Bank) Close() {
	b.closing.Do(func() { close(b.closed) })
	b.stop()
	b.work.Wait()
}

// Advance lets time pass for the books. Timeouts, limits and schedules of faults follow the real time.
func (b *Bank) Advance(d time.Duration) { b.advanced.Add(int64(d)) }

// Now returns the time of the books.
func (b *Bank) Now() time.Time { return b.now() }

func (b *Bank) now() time.Time {
	return b.options.Now().Add(time.Duration(b.advanced.Load())).UTC()
}

// find returns the account with an id, and nil if there is none.
func (b *Bank) find(id string) *account {
	found, ok := b.byID.Load(id)
	if !ok {
		return nil
	}
	a, _ := found.(*account)
	return a
}

// must returns an account that the caller has from Accounts. An unknown one is an error of the test.
func (b *Bank) must(id string) *account {
	a := b.find(id)
	if a == nil {
		panic(fmt.Sprintf("the institution has no account %q", id))
	}
	return a
}

// mix returns a number that looks random and follows from others.
func mix(parts ...uint64) uint64 {
	var h uint64 = 0x9e3779b97f4a7c15
	for _, p := range parts { // splitmix64
		h += p + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// share returns a number from 0 to 1 that follows from others.
func share(parts ...uint64) float64 { return float64(mix(parts...)>>11) / (1 << 53) }

// label is a part of mix that separates uses of the same numbers.
func label(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // it never fails
	return h.Sum64()
}
