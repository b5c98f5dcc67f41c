// Models that read tables of which periods are archived.

package model

import (
	"bursar/internal/project"
	"bursar/internal/warehouse/archive"
)

// absent returns what the tables lack that a model reads, also through views that other models define; nil if it lacks nothing. Tables of
// other models keep what they have read before.
func (b *build) absent(n *Node) (lacks *archive.Absent, line int) {
	for _, t := range n.Tables {
		if used := b.graph.Node(t.Name); used != nil {
			if used.Model.Materialize == project.AsView {
				if lacks, _ := b.absent(used); lacks != nil {
					return lacks, t.Line
				}
			}
			continue
		}
		if lacks := archive.AbsentOf(b.db, b.archived, b.db.Name(t.Name)); lacks != nil {
			return lacks, t.Line
		}
	}
	return nil, 0
}

// checkArchived refuses models whose rows would be made of a part of the periods, so that the last complete ones stay.
func (b *build) checkArchived() error {
	for _, n := range b.chosen {
		if n.Model.Incomplete {
			continue
		}
		if lacks, line := b.absent(n); lacks != nil {
			return fault(n.Model, line, "%s; if the model works without them, add `archived: ignore` to its header", lacks)
		}
	}
	return nil
}

// checkRemade refuses to make an incremental model from the beginning without periods that are in it now, unless somebody asks for that.
func (b *build) checkRemade(n *Node, reason string) error {
	lacks, line := b.absent(n)
	if reason == "" || lacks == nil {
		return nil
	}
	return fault(n.Model, line, "the model must be made from the beginning, because %s, but %s; `bursar model run %s --full` makes it without them", reason, lacks, n.Model.Name)
}
