// Streams that keep versions of events: generation and model.

package auditor

import (
	"math/big"
	"slices"
)

// keepVersions makes a stream keep versions, mostly from the start.
func (g *generator) keepVersions(s *Stream) {
	if s.Derived() || len(g.feeds) > 1 && g.chance(2) {
		return
	}
	g.keepsVersions = true
	s.Versions = !g.chance(3)
}

// added returns the streams whose events may be counted and summed.
func (g *generator) added(p *Pipeline) (names []string) {
	for _, name := range p.From {
		if !slices.ContainsFunc(g.feeds, func(f *feed) bool { return f.stream.Name == name && f.keepsVersions }) {
			names = append(names, name)
		}
	}
	return names
}

// byReceipt puts the receipt somewhere into what orders: behind the stream where there are several.
func (g *generator) byReceipt(by []string) []string {
	if !slices.ContainsFunc(g.streams(), func(s *Stream) bool { return s.Versions }) || g.chance(2) {
		return by
	}
	if len(g.feeds) == 1 {
		return slices.Insert(by, g.IntN(len(by)+1), ReceivedColumn)
	}
	if !slices.Contains(by, StreamColumn) {
		by = append(by, StreamColumn)
	}
	return append(by, ReceivedColumn)
}

// version returns a sent row with other values, which may be sent again too.
func (g *generator) version(row sentRow) sentRow {
	for _, name := range []string{"amount", "memo", "kind", "acct"} {
		if name != "amount" && !g.chance(3) {
			continue
		}
		switch name {
		case "amount":
			row[name] = g.number(g.stream.Column(name).Type)
		case "kind":
			row[name] = pick(g, []string{"a", "b", "d"})
		default:
			row[name] = pick(g, accounts)
		}
	}
	row["payer"] = row["acct"]
	g.sent = append(g.sent, row)
	return row
}

// keepVersions makes events that were known by their ids known by their content, too.
func (m *Model) keepVersions(in *ingested) {
	known := map[string][]idEntry{}
	for id, list := range in.known {
		for _, f := range list {
			known[id+f.content] = append(known[id+f.content], f)
			m.events[f.event].id = id + f.content
		}
	}
	in.known = known
}

// Versions counts the published events of a stream that are further versions of another one.
func (m *Model) Versions(stream string) (n int) {
	seen, s := map[string]bool{}, m.intakes[stream].stream
	for i := range m.events {
		e := &m.events[i]
		if s.Derived() || e.Stream != stream || e.seal > m.published || m.isRetracted(e) {
			continue
		}
		if id := m.idJSON(s, e.Row); seen[id] {
			n++
		} else {
			seen[id] = true
		}
	}
	return n
}

// received returns the position of a row in the order of receipt, as a number.
func received(r *record) Value {
	return numberValue(BigInt, big.NewRat(int64(r.file.number)<<20+int64(r.line), 1))
}

// compareOrder orders rows by the columns of a fold. Receipts order events of streams that keep versions alone.
func (m *Model) compareOrder(columns []string, a, b Row) int {
	for _, name := range columns {
		if name == ReceivedColumn && !m.intakes[a[StreamColumn].text].stream.Versions {
			continue
		}
		if c := compare(a[name], b[name]); c != 0 {
			return c
		}
	}
	return 0
}

// newestVersion is the place among all events of the version that a retraction of one in its batch is of.
func (m *Model) newestVersion(event int) int {
	e := &m.events[event]
	s := m.intakes[e.Stream].stream
	newest := event
	for i := range m.events {
		o := &m.events[i]
		if s.Versions && o.Stream == e.Stream && o.Batch == e.Batch && m.compareOrder(s.ID, o.Row, e.Row) == 0 &&
			compare(o.Row[ReceivedColumn], m.events[newest].Row[ReceivedColumn]) > 0 {
			newest = i
		}
	}
	return newest
}
