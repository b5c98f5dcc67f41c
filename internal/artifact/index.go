package artifact

import "context"

// Location is where an artifact's record lies: the part's number within its run, and the byte range in it.
type Location struct {
	Part   uint32
	Offset uint64
	Length uint32
}

// Entry is one index entry: at this run, the key's record lies there.
type Entry struct {
	Key      []byte // order-preserving, prefix-free encoding of the key (see AppendKey)
	Run      uint64
	Location Location
}

// Space names one generation of one pipeline.
type Space struct {
	Pipeline   string
	Generation uint64
}

// Index is the index seam. Every backend passes indextest.Run.
//
// Entries of one key lie together, newest run first, so that history and as-of are neighbours. Load is
// idempotent (rule 5) and durable when it returns; entries of unpublished runs may be there and are never
// returned for an asOf below them. Spaces are apart: what is done in one is never seen in another.
//
// Keys are opaque bytes, not empty, and prefix-free within a space: none is the start of another. Backends may
// rely on that to tell keys apart without a separator. All calls may be retried and made from several goroutines;
// a callback's error stops the call and comes back wrapped.
type Index interface {
	// Load adds the entries of one run, all or (after an error, also next's) none. next returns entries in ascending
	// key order, each key once, and ok=false at the end; anything else is a bug and refused. An Entry's Key is only
	// valid until next is called again; its Run is not looked at.
	Load(ctx context.Context, space Space, run uint64, next func() (e Entry, ok bool, err error)) error
	// Find looks up keys, ascending and distinct, and calls found for each that has an entry at or below asOf, in order of i,
	// from one goroutine at a time. Many keys at once are far cheaper than one by one.
	Find(ctx context.Context, space Space, asOf uint64, keys [][]byte, found func(i int, e Entry) error) error
	// Scan calls each for the newest entry at or below asOf of every key, in key order. Entry.Key is valid during the call.
	Scan(ctx context.Context, space Space, asOf uint64, each func(e Entry) error) error
	// Loads calls each for every Load of a space that lasts, newest run first: its run and how many entries it brought. A run
	// may have several, of keys apart; loading the same entries again counts once. It says whether the index is as new
	// as whoever recorded the loads believes.
	Loads(ctx context.Context, space Space, each func(run uint64, entries int64) error) error
	// History calls each for every entry of a key at or below asOf, newest first.
	History(ctx context.Context, space Space, asOf uint64, key []byte, each func(e Entry) error) error
	// Drop removes a generation, durably; one that is not there is no error.
	Drop(ctx context.Context, space Space) error
	Close() error
}
