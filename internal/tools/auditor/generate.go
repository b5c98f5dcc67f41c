// Generates a case from a seed: a project, files, and the commands to execute.

package auditor

import (
	"math/rand/v2"
	"slices"
)

// Action is what one step of a case does.
type Action string

// The actions.
const (
	Ingest  Action = "ingest"
	DryRun  Action = "dry run"
	Run     Action = "run"
	Grow    Action = "grow" // the stream's declaration changes, and the project is opened again
	Retry   Action = "retry"
	Rebuild Action = "rebuild"
	Reopen  Action = "reopen"
	Wait    Action = "wait"
	Retract Action = "retract"
	Undo    Action = "undo"
)

// Step is one step of a case. Of is the stream of Ingest, DryRun, Retry, Retract and Undo. Files belong to Ingest and DryRun, Stream to
// Grow, Days to Wait. Nth is which of those that there are Retract and Undo are of; Event is one event instead of a batch.
type Step struct {
	Action     Action
	StreamName string
	Files      []File
	Stream     *Stream
	Days       int
	Nth        int
	Event      bool
}

// Case is all that happens under a seed.
type Case struct {
	Seed     uint64
	Streams  []*Stream
	Pipeline *Pipeline
	Steps    []Step // after the last one the backlog is empty
}

// Size bounds a case. With Backlog, batches wait for each other, and a run takes one of them in several partitions. With Retract,
// batches and events are retracted, and count again. With Versions, streams keep versions of events, from the start or later.
type Size struct {
	Streams int // folded at most
	Calls   int // that hand files in, at least
	Files   int // handed in at most, or so
	Rows    int // of a file at most
	Backlog bool
	Retract bool
	Accept  bool // conflicts are accepted

	Versions bool
}

type generator struct {
	*rand.Rand
	*feed          // of the current stream
	feeds []*feed  // of all streams
	size  Size     // limits
	names int      // number of the last file
	order []string // columns whose types must not change: they order first or last values, or streams share their scale
}

// feed is the generated data of one stream.
type feed struct {
	stream        *Stream
	sent          []sentRow // rows that were made so far, to be sent again
	files         []File    // likewise
	next          int       // number of the next event
	isCSV         bool      // the stream is CSV, in which some texts cannot stand
	keepsVersions bool      // the stream keeps versions, from the start or later
}

// New generates the case of a seed.
func New(seed uint64, size Size) *Case {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), size: size}
	g.makeStreams()
	p := g.pipeline()
	c := &Case{Seed: seed, Streams: g.streams(), Pipeline: p}
	g.steps(c)
	if size.Retract {
		g.retract(c)
	}
	if size.Accept {
		g.accept(c)
	}
	return c
}

// streams returns the current declarations.
func (g *generator) streams() (streams []*Stream) {
	for _, f := range g.feeds {
		streams = append(streams, f.stream)
	}
	return streams
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// some returns one to n elements of a list, in order.
func some[T any](g *generator, list []T, n int) []T {
	at := g.Perm(len(list))[:1+g.IntN(min(n, len(list)))]
	slices.Sort(at)
	var chosen []T
	for _, i := range at {
		chosen = append(chosen, list[i])
	}
	return chosen
}

// steps generates the steps of a project: calls with one or more files, runs in between, a schema that grows.
func (g *generator) steps(c *Case) {
	calls := 1 + g.IntN(g.size.Files)
	for range max(calls, g.size.Calls, len(g.feeds)) {
		g.feed = pick(g, g.feeds)
		if g.stream.Dedupe > 0 && g.chance(2) {
			c.Steps = append(c.Steps, Step{Action: Wait, Days: 1 + g.IntN(4)})
		}
		files := []File{g.file()}
		for g.chance(3) {
			files = append(files, g.file())
		}
		if g.chance(12) {
			c.Steps = append(c.Steps, Step{Action: DryRun, StreamName: g.stream.Name, Files: files})
		}
		c.Steps = append(c.Steps, Step{Action: Ingest, StreamName: g.stream.Name, Files: files})
		g.between(c)
	}
	c.Steps = append(c.Steps, Step{Action: Run})
}

// retract adds retractions between the steps of a case. Often the files are ingested again afterwards.
func (g *generator) retract(c *Case) {
	var steps []Step
	var sent []Step
	for i, step := range c.Steps {
		steps = append(steps, step)
		if step.Action == Ingest {
			sent = append(sent, step)
		}
		if len(sent) == 0 || i == len(c.Steps)-1 || g.chance(2) {
			continue
		}
		again := pick(g, sent)
		steps = append(steps, Step{Action: Retract, StreamName: again.StreamName, Nth: g.IntN(1000), Event: g.chance(2)})
		if g.chance(2) {
			steps = append(steps, Step{Action: Ingest, StreamName: again.StreamName, Files: again.Files})
		}
		if g.chance(4) {
			steps = append(steps, Step{Action: Run})
		}
		if g.chance(2) {
			steps = append(steps, Step{Action: Undo, StreamName: again.StreamName, Nth: g.IntN(1000)})
		}
	}
	c.Steps = append(steps[:len(steps)-1], Step{Action: Run})
}

func (g *generator) between(c *Case) {
	if g.size.Backlog && !g.chance(4) {
		return
	}
	if g.keepsVersions && !g.stream.Versions && g.chance(2) {
		g.stream = g.stream.clone()
		g.stream.Versions = true
		c.Steps = append(c.Steps, Step{Action: Grow, Stream: g.stream}, Step{Action: Rebuild})
		if g.chance(2) {
			g.retry(c)
		}
	}
	switch g.IntN(12) {
	case 0, 1, 2:
		c.Steps = append(c.Steps, Step{Action: Run})
	case 3:
		grown, rebuild := g.grow()
		c.Steps = append(c.Steps, Step{Action: Grow, Stream: grown})
		if rebuild {
			c.Steps = append(c.Steps, Step{Action: Rebuild})
		}
		if g.chance(2) {
			g.retry(c)
		}
	case 4:
		g.retry(c)
	case 5:
		if g.chance(3) {
			c.Steps = append(c.Steps, Step{Action: Rebuild})
		}
	case 6:
		c.Steps = append(c.Steps, Step{Action: Reopen})
	}
}

func (g *generator) retry(c *Case) {
	c.Steps = append(c.Steps, Step{Action: Retry, StreamName: g.stream.Name})
}

// widen gives money one more decimal and two more digits before it.
func (g *generator) widen(s *Stream) (done bool) {
	money := []string{"amount", "gross"}
	if slices.ContainsFunc(money, func(name string) bool { return slices.Contains(g.order, name) }) {
		return false
	}
	for _, name := range money {
		if c := s.Column(name); c != nil && c.Type.Precision < 30 {
			c.Type.Precision, c.Type.Scale = c.Type.Precision+3, c.Type.Scale+1
			done = true
		}
	}
	return done
}

// grow changes the declaration as DESIGN §2 allows. rebuild is true if the types of artifacts change.
func (g *generator) grow() (grown *Stream, rebuild bool) {
	s := g.stream.clone()
	kind := s.Column("kind")
	switch g.IntN(4) {
	case 0:
		// Files have had values of it: rows that are known by their content would count again.
		if s.Column("extra") == nil && s.ID[0] != "_content" {
			s.Columns = append(s.Columns, Column{Name: "extra", Type: Type{Kind: Text}, Optional: true, From: []string{"x"}})
		}
	case 1:
		s.Column("memo").Optional = true
	case 2:
		rebuild = g.widen(s)
	default:
		kind.In = append(slices.Clone(kind.In), string(rune('a'+len(kind.In))))
	}
	g.stream = s
	return s, rebuild
}
