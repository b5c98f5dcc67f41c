// Objects that cannot be read, and what becomes of a load then.

package load

import (
	"errors"
	"fmt"
	"slices"

	"bursar/internal/event/scan"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// objectFault is an error about an object.
type objectFault struct {
	object  string
	err     error
	damaged bool // reading it again gives the same error
}

func (e *objectFault) Error() string { return objectError(e.object, e.err).Error() }
func (e *objectFault) Unwrap() error { return e.err }

// IsDamaged reports whether a load has failed because an object cannot be read, however often it is tried.
func IsDamaged(err error) bool {
	var fault *objectFault
	return errors.As(err, &fault) && fault.damaged
}

// explain says which object an error is about.
func (rd *reading) explain(o *opened, err error) error {
	if ctxErr := rd.ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	if errors.Is(err, ErrGone) || errors.Is(err, ErrReplaced) {
		cause := ErrGone
		if errors.Is(err, ErrReplaced) {
			cause = ErrReplaced
		}
		return &objectFault{object: o.listed.Name, err: cause}
	}
	var read *scan.ReadError
	if errors.As(err, &read) && !failure.Of(err).Retryable() {
		if o.in != nil && o.in.Unchanged() != nil { // it was cut while it was read
			return &objectFault{object: o.listed.Name, err: ErrReplaced}
		}
		return &objectFault{object: o.listed.Name, err: failure.Wrap(failure.Data, fmt.Errorf("row %d: %s", read.Row, read.Reason())), damaged: true}
	}
	return objectError(o.listed.Name, err)
}

// locate makes an error of the database about a row one about its place.
func (rd *reading) locate(err error) error {
	var value *warehouse.ValueError
	if !errors.As(err, &value) {
		return err
	}
	i := value.Row - rd.block.first
	if i < 0 || i >= int64(len(rd.block.lines)) {
		return err
	}
	return &refusedRow{rd.block.object, rd.block.lines[i], value.Column, value.Reason}
}

// withoutFaulty calls do with objects, and again without rows that the database refuses and objects that cannot be read. A load of new objects leaves them out: the next one tries
// them again. A load that replaces rows needs all objects that exist.
func (r *run) withoutFaulty(objects []Object, do func([]Object) error) error {
	for {
		err := do(objects)
		var fault *objectFault
		var refused *refusedRow
		if errors.As(err, &refused) && r.noteRefused(refused) {
			continue
		}
		if !errors.As(err, &fault) {
			return err
		}
		switch {
		case fault.damaged && !r.mayLeaveOut():
			return err
		case errors.Is(fault.err, ErrReplaced) && r.mode != addRows:
			return failure.Wrap(failure.Transient, fmt.Errorf("%w; nothing was loaded: load again when nobody writes to it", err))
		}
		if fault.damaged {
			r.damaged++
		}
		r.result.LeftOut = append(r.result.LeftOut, LeftOut{fault.object, fault.err.Error()})
		objects = slices.DeleteFunc(slices.Clone(objects), func(o Object) bool { return o.Name == fault.object })
		if len(objects) == 0 && r.mode != addRows {
			return err
		}
	}
}

// mayLeaveOut reports whether a damaged object may be left out: it counts like a rejected row.
func (r *run) mayLeaveOut() bool {
	return r.mode == addRows && (r.declared.MaxErrors.Share > 0 || r.declared.MaxErrors.Rows > r.damaged)
}
