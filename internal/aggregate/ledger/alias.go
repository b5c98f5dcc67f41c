// Makes two ids of an institution one transaction, and separates them again.

package ledger

import (
	"fmt"
	"slices"
)

// postsEvidence is the evidence of a link that the institution states.
func postsEvidence(r *reported) string {
	return fmt.Sprintf("the institution says that %q posts %q", r.id, r.replaces)
}

// asAlias is what an entry is now, as an alias of what it becomes.
func (b *book) asAlias(e *Entry, by Basis, evidence string) Alias {
	status := e.Status
	if !e.isLive() {
		status = e.Was
	}
	return Alias{Source: e.Source, Status: status, Content: e.Content, Listed: e.isLive(), By: by, Evidence: evidence, At: b.at}
}

// absorb changes an entry to a reported transaction that is not known yet. The id that it had becomes an alias.
func (b *book) absorb(e *Entry, r *reported, listed bool, by Basis, evidence string) {
	b.touch(e, evidence)
	a := b.asAlias(e, by, evidence)
	a.Listed = a.Listed && listed
	e.Aliases = append(append(e.Aliases, a), b.unseen(r)...)
	e.Source, e.Status, e.Was, e.Content = r.id, r.status, "", r.Content
	for _, id := range e.sourceIDs() {
		b.sources[id] = e
	}
}

// unseen is the alias for the id that a transaction posts, if that was never reported. Should it be reported later, it is known what it became.
func (b *book) unseen(r *reported) []Alias {
	if r.replaces == "" || r.replaces == r.id || b.sources[r.replaces] != nil {
		return nil
	}
	return []Alias{{Source: r.replaces, By: ByInstitution, Evidence: postsEvidence(r), At: b.at}}
}

// merge makes a newer entry part of an older one, which becomes what the newer one is.
func (b *book) merge(older, newer *Entry, by Basis, evidence string) {
	b.touch(older, evidence)
	b.touch(newer, evidence)
	older.Aliases = append(append(older.Aliases, b.asAlias(older, by, evidence)), newer.Aliases...)
	older.Source, older.Status, older.Was, older.Content = newer.Source, newer.Status, newer.Was, newer.Content
	if newer.isLive() {
		newer.Was = newer.Status
	}
	newer.Status, newer.Into = Merged, older.ID
	b.absorbed[older.ID] = append(b.absorbed[older.ID], newer.ID)
	for _, id := range older.sourceIDs() {
		b.sources[id] = older
	}
}

// split separates an entry at one of its aliases, and returns the newer part. The entry becomes again what it was under that id.
func (b *book) split(e *Entry, at int, evidence string) *Entry {
	a := e.Aliases[at]
	newer := b.entryFrom(e.Source, e.Aliases[at+1:])
	b.touch(newer, evidence)
	b.touch(e, evidence)
	newer.Status, newer.Was, newer.Content = e.Status, e.Was, e.Content
	e.Aliases = slices.Clone(e.Aliases[:at])
	e.Source, e.Status, e.Was, e.Content = a.Source, a.Status, "", a.Content
	if !a.Listed {
		e.Status, e.Was = Vanished, a.Status
	}
	b.sources[e.Source] = e
	return newer
}

// restore changes an entry back to one of its aliases, which is reported again while its present id is gone.
func (b *book) restore(e *Entry, at int, r *reported) {
	evidence := fmt.Sprintf("re-issued: %q is listed again instead of %q", r.id, e.Source)
	b.touch(e, evidence)
	now := b.asAlias(e, ByContent, evidence)
	now.Listed = false
	e.Aliases = append(slices.Delete(e.Aliases, at, at+1), now)
	e.Source, e.Status, e.Was, e.Content = r.id, r.status, "", r.Content
}
