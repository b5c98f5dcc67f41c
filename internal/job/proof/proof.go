// Package proof compares what tasks should have sent with what a mailbox contains: each message once, none missing, none twice.
//
// It owns the comparison alone. It guarantees that every expected message is in exactly one count, and that its memory grows by less
// than 100 bytes per expected message. It is pure: it must not know where tasks are recorded, or how mailboxes are read.
package proof

import (
	"crypto/sha256"
	"iter"
)

// Outcome is what a task's record says about its message.
type Outcome uint8

// The outcomes. If several tasks have the same message, as those of a slot that was executed again by hand have, the highest counts.
const (
	NotSent Outcome = iota // the task was excluded, or failed before the server accepted its message
	Unknown                // the task has not ended, or its end is unknown: the message may have been sent
	Sent                   // the task is done
)

// Expected is the message of one task.
type Expected struct {
	ID      string // the Message-ID, as the mailbox gives it
	Slot    string
	Key     string // the task's partition key
	Outcome Outcome
}

// Example is a message that the comparison reports by name.
type Example struct {
	ID    string
	Slot  string // empty with Key if no task has the message
	Key   string
	Found int // how often it is in the mailbox
}

// Finding counts messages, and names some of them.
type Finding struct {
	Count    int
	Examples []Example // the first ones, in the order of tasks or of the mailbox
}

// Result is the result of a comparison. Expected is the sum of Sent, Missing, Twice, Unexpected, Excluded and both counts of unknown ends.
type Result struct {
	Expected int // different messages of tasks
	Found    int // messages in the mailbox, repeated ones included

	Sent     int // the task is done, and its message is there once
	Excluded int // the task did not send, and its message is not there

	Missing    Finding // the task is done, and its message is not there
	Twice      Finding // the message is there more than once, whatever the task's outcome
	Unexpected Finding // the task did not send, and its message is there
	Stray      Finding // in the mailbox, and no task has it; counted as often as it is there

	UnknownSent    Finding // the task's end is unknown: its message is there once
	UnknownMissing Finding // the task's end is unknown: its message is not there
}

// OK reports whether each message was sent that should have been, and none twice. Unknown ends are correct either way. Stray messages do
// not count: they may be of other jobs or senders.
func (r *Result) OK() bool {
	return r.Missing.Count == 0 && r.Twice.Count == 0 && r.Unexpected.Count == 0
}

// digest stands for a Message-ID, so that a million of them need little memory.
type digest [16]byte

func digestOf(id string) digest {
	sum := sha256.Sum256([]byte(id))
	return digest(sum[:len(digest{})])
}

// entry is what is known of a message.
type entry struct {
	outcome Outcome
	counted bool
	found   uint32
}

// Compare compares the messages of tasks with the Message-IDs in a mailbox, and names at most examples of each kind. It walks twice
// over the expected messages, which must be the same both times. It returns the first error of either sequence.
//
// The mailbox is to be read after the tasks: otherwise messages that are sent meanwhile count as missing.
func Compare(expected iter.Seq2[Expected, error], found iter.Seq2[string, error], examples int) (*Result, error) {
	c := &comparison{messages: map[digest]entry{}, examples: examples}
	if err := c.expect(expected); err != nil {
		return nil, err
	}
	if err := c.find(found); err != nil {
		return nil, err
	}
	if err := c.judge(expected); err != nil {
		return nil, err
	}
	return &c.result, nil
}

// comparison is a comparison under way.
type comparison struct {
	messages map[digest]entry // without pointers, which the garbage collector would follow
	examples int
	result   Result
}

func (c *comparison) expect(expected iter.Seq2[Expected, error]) error {
	for e, err := range expected {
		if err != nil {
			return err
		}
		key := digestOf(e.ID)
		known := c.messages[key]
		known.outcome = max(known.outcome, e.Outcome)
		c.messages[key] = known
	}
	c.result.Expected = len(c.messages)
	return nil
}

func (c *comparison) find(found iter.Seq2[string, error]) error {
	for id, err := range found {
		if err != nil {
			return err
		}
		c.result.Found++
		key := digestOf(id)
		if known, ok := c.messages[key]; ok {
			known.found++
			c.messages[key] = known
			continue
		}
		c.report(&c.result.Stray, Example{ID: id, Found: 1})
	}
	return nil
}

// judge counts each expected message once.
func (c *comparison) judge(expected iter.Seq2[Expected, error]) error {
	for e, err := range expected {
		if err != nil {
			return err
		}
		key := digestOf(e.ID)
		known, ok := c.messages[key]
		if !ok || known.counted {
			continue
		}
		known.counted = true
		c.messages[key] = known
		c.count(known, Example{ID: e.ID, Slot: e.Slot, Key: e.Key, Found: int(known.found)})
	}
	return nil
}

func (c *comparison) count(e entry, example Example) {
	r := &c.result
	switch {
	case e.found > 1:
		c.report(&r.Twice, example)
	case e.outcome == Sent && e.found == 1:
		r.Sent++
	case e.outcome == Sent:
		c.report(&r.Missing, example)
	case e.outcome == Unknown && e.found == 1:
		c.report(&r.UnknownSent, example)
	case e.outcome == Unknown:
		c.report(&r.UnknownMissing, example)
	case e.found == 1:
		c.report(&r.Unexpected, example)
	default:
		r.Excluded++
	}
}

func (c *comparison) report(f *Finding, example Example) {
	f.Count++
	if len(f.Examples) < c.examples {
		f.Examples = append(f.Examples, example)
	}
}
