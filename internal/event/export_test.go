package event

import "bursar/internal/event/spool"

// WrapSpool has live intake write its spools through wrap.
func WrapSpool(o *LiveOptions, wrap func(spool.File) spool.File) { o.wrap = wrap }
