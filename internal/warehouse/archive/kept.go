// Periods that were restored, which stay for a while although they have the age of a lower tier.

package archive

import (
	"context"
	"fmt"
	"time"

	"bursar/internal/column"
	"bursar/internal/warehouse"
)

// keep records until when a restored period stays where it is. A zero time: it does not.
func keep(ctx context.Context, tx warehouse.Tx, table string, p Period, until time.Time) error {
	where := fmt.Sprintf(" WHERE table_name = %s AND first_day = %s AND until_day = %s", warehouse.Literal(table), dateSQL(p.First), dateSQL(p.Until))
	if _, err := tx.Exec(ctx, "DELETE FROM "+keptTable+where); err != nil || until.IsZero() {
		return err
	}
	v := column.NewVectors(column.Types(keptColumns), 1)
	v[0].AppendText([]byte(table))
	v[1].AppendInt(p.First.Unix() / 86_400)
	v[2].AppendInt(p.Until.Unix() / 86_400)
	v[3].AppendInt(until.UnixMicro())
	_, err := tx.Append(ctx, keptTable, keptColumns, oneBlock(v))
	return err
}

// kept reads the periods of a table that stay where they are.
func (a *Archiver) kept(ctx context.Context, r warehouse.Reader, table string) (list []Period, err error) {
	if _, found, err := r.Table(ctx, keptTable); err != nil || !found {
		return nil, err
	}
	now := a.Now().UnixMicro()
	err = r.Query(ctx, fmt.Sprintf("SELECT first_day, until_day, kept_until FROM %s WHERE table_name = %s", keptTable, warehouse.Literal(table)), func(_ []warehouse.Column, v []column.Vector) error {
		for i := range v[0].Len() {
			if v[2].Ints[i] > now {
				list = append(list, Period{dayOf(v[0].Ints[i]), dayOf(v[1].Ints[i])})
			}
		}
		return nil
	})
	return list, err
}
