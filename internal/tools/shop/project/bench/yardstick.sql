SELECT order_id,
       count(*) AS events,
       coalesce(sum(amount) FILTER (WHERE type = 'shipment'), 0) AS shipped,
       coalesce(sum(amount) FILTER (WHERE type = 'payment'), 0) AS paid,
       coalesce(sum(amount) FILTER (WHERE type = 'refund'), 0) AS refunded,
       min(ts) AS first_at,
       max(ts) AS last_at,
       shipped - paid + refunded AS balance
FROM read_json(%s, format = 'newline_delimited', columns = {
       event_id: 'VARCHAR', order_id: 'VARCHAR', type: 'VARCHAR', amount: 'DECIMAL(18,2)',
       currency: 'VARCHAR', ts: 'TIMESTAMP', channel: 'VARCHAR', note: 'VARCHAR'})
GROUP BY order_id
