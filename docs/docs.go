// Package docs contains the pages that the program prints, because a machine may have the program and not the source. It must
// not contain anything else.
package docs

import _ "embed"

// SeveralMachines is the page about projects whose state is on servers.
//
//go:embed several-machines.md
var SeveralMachines string
