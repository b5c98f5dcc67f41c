// The cursor: which files were delivered, in a bounded text however many there are.

package files

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
)

const (
	// maxGroups bounds the groups of a cursor, which has about 90 bytes for each.
	maxGroups     = 400
	cursorVersion = 1
)

// digest stands for a set of files: the exclusive or of the digests of each, so that sets can be joined.
type digest [16]byte

func digestOf(f *file) digest {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", f.modified, f.size, f.name))
	return digest(sum[:len(digest{})])
}

func (d digest) joined(other digest) digest {
	for i := range d {
		d[i] ^= other[i]
	}
	return d
}

// group is the files that were last modified after those of the group before it, and not after a time. If a file is added to it, also one that
// arrives late with an old time, or removed from it, its digest changes, and all of its files count as new: to deliver a file twice is harmless, to
// lose one is not. Files of the same time are in one group. As long as there are few files, each group has those of one time only.
type group struct {
	until  int64 // nanoseconds since 1970
	count  int
	digest digest
}

func (g *group) add(f *file) {
	g.count++
	g.digest = g.digest.joined(digestOf(f))
}

// present is a group as it is in the folder now.
type present struct {
	group
	files []file
	known *group // of the cursor; nil if all files are newer
}

// isKnown reports whether exactly these files were delivered.
func (p *present) isKnown() bool {
	return p.known != nil && p.known.count == p.count && p.known.digest == p.digest
}

// cursor is the groups of delivered files, oldest first.
type cursor struct{ groups []group }

// newCursor returns a cursor of groups. If they are too many, neighbours are joined: the smallest first, and of these the oldest.
func newCursor(groups []group) *cursor {
	for most := 2; len(groups) > maxGroups; most *= 2 {
		excess := len(groups) - maxGroups
		joined := groups[:1:1]
		for _, g := range groups[1:] {
			last := &joined[len(joined)-1]
			if excess == 0 || last.count+g.count > most {
				joined = append(joined, g)
				continue
			}
			last.until, last.count, last.digest = g.until, last.count+g.count, last.digest.joined(g.digest)
			excess--
		}
		groups = joined
	}
	return &cursor{groups}
}

// divide divides files, which are sorted by time, into the groups of the cursor and new ones.
func (c *cursor) divide(sorted []file) (groups []present) {
	rest := c.groups
	for _, f := range sorted {
		for len(rest) > 0 && rest[0].until < f.modified {
			rest = rest[1:]
		}
		next := present{group: group{until: f.modified}}
		if len(rest) > 0 {
			next.until, next.known = rest[0].until, &rest[0]
		}
		if len(groups) == 0 || groups[len(groups)-1].until != next.until {
			groups = append(groups, next)
		}
		last := &groups[len(groups)-1]
		last.files = append(last.files, f)
		last.add(&f)
	}
	return groups
}

// misses reports whether some of the files, which are sorted by time, are new.
func (c *cursor) misses(sorted []file) bool {
	return slices.ContainsFunc(c.divide(sorted), func(p present) bool { return !p.isKnown() })
}

// after returns the groups after a time.
func (c *cursor) after(until int64) []group {
	i := slices.IndexFunc(c.groups, func(g group) bool { return g.until > until })
	if i < 0 {
		return nil
	}
	return c.groups[i:]
}

// storedCursor is the text of a cursor.
type storedCursor struct {
	Version int           `json:"version"`
	Groups  []storedGroup `json:"groups"`
}

type storedGroup struct {
	Until  int64  `json:"until"`
	Files  int    `json:"files"`
	Digest []byte `json:"digest"`
}

func (c *cursor) String() string {
	s := storedCursor{Version: cursorVersion, Groups: []storedGroup{}}
	for _, g := range c.groups {
		s.Groups = append(s.Groups, storedGroup{g.until, g.count, g.digest[:]})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has only numbers and bytes
	}
	return string(text)
}

// parseCursor returns the cursor of a text. One that is not valid is that of another connector or version, and knows nothing: all files are
// delivered again.
func parseCursor(text string) *cursor {
	var s storedCursor
	if json.Unmarshal([]byte(text), &s) != nil || s.Version != cursorVersion {
		return &cursor{}
	}
	c := &cursor{}
	for i, g := range s.Groups {
		if len(g.Digest) != len(digest{}) || i > 0 && g.Until <= s.Groups[i-1].Until {
			return &cursor{}
		}
		c.groups = append(c.groups, group{g.Until, g.Files, digest(g.Digest)})
	}
	return c
}
