// Keeps the transactions of one entry until its id is known.

package rows

import (
	"slices"

	"bursar/internal/aggregate/identity"
	"bursar/internal/project"
)

// maxTransactionBytes limits the bytes of rows that are kept. An entry with more is identified by those that were kept.
const maxTransactionBytes = 4 << 20

// transactions are the rows of an entry's details, without their ids.
type transactions struct {
	rows       []byte
	list       []transaction
	facts      identity.Digest // sum of the digests of all details
	identified bool            // the id of the entry is known
	written    int64
}

// transaction is the end of a row.
type transaction struct {
	facts identity.Digest
	end   int
}

func (k *transactions) reset() {
	*k = transactions{rows: k.rows[:0], list: k.list[:0]}
}

func (k *transactions) add(facts identity.Digest, r Row) {
	k.rows = append(k.rows, r...)
	k.list = append(k.list, transaction{facts, len(k.rows)})
	k.facts.Plus(facts)
}

// writeDetails identifies the entry and writes the transactions that are kept. They are numbered in an order of their
// content, so that another list of them yields the same events.
func (t *Builder) writeDetails() error {
	if err := t.identify(); err != nil {
		return err
	}
	k := &t.transactions
	order := make([]int, len(k.list))
	for i := range order {
		order[i] = i
	}
	if !t.rules.Former {
		slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(k.list[a].facts[:], k.list[b].facts[:]) })
	}
	for _, i := range order {
		from := 0
		if i > 0 {
			from = k.list[i-1].end
		}
		k.written++
		r := &t.row
		r.Begin()
		r.Digest("id", identity.DetailID(t.id, k.written))
		r.Digest("entry", t.id)
		r.columns(k.rows[from+1 : k.list[i].end])
		if err := t.out.Write(project.DetailStream, t.row); err != nil {
			return err
		}
	}
	k.rows, k.list = k.rows[:0], k.list[:0]
	return nil
}
