// Inferring a stream definition from a file of events.

package app

import "bursar/internal/event/infer"

// Infer returns a commented stream definition for a file of events, inferred from its first rows. Without a name, the stream is named
// after the file. It needs no project.
func Infer(path, name string) (string, error) { return infer.Stream(path, name) }
