-- One batch of JSON lines: checked, deduplicated and merged into the artifacts in one transaction.
BEGIN TRANSACTION;

-- Every value is read as text. Those of other types are cast, so that a bad one costs its row and not the file.
CREATE OR REPLACE TEMP VIEW lines AS
SELECT *,
       TRY_CAST(amount AS DECIMAL(18,2)) AS cast_amount,
       TRY_CAST(ts AS TIMESTAMP) AS cast_ts,
       hash(order_id, type, cast_amount, currency, cast_ts, channel, note) AS digest
FROM read_json(@file, format = 'newline_delimited', ignore_errors = true, columns = {
       event_id: 'VARCHAR', order_id: 'VARCHAR', type: 'VARCHAR', amount: 'VARCHAR',
       currency: 'VARCHAR', ts: 'VARCHAR', channel: 'VARCHAR', note: 'VARCHAR'});

-- Only what is needed later is kept of a good row, and of a bad one all. A cast to a decimal rounds, so the text itself is checked, too.
CREATE OR REPLACE TEMP TABLE incoming AS
SELECT event_id, order_id, type, cast_amount AS amount, cast_ts AS ts, digest,
       CASE WHEN event_id IS NULL THEN 'event_id: is missing'
            WHEN order_id IS NULL THEN 'order_id: is missing'
            WHEN type IS NULL OR type NOT IN ('shipment', 'payment', 'refund') THEN 'type: is not one of shipment, payment, refund'
            WHEN cast_amount IS NULL OR NOT regexp_full_match(amount, '[-+]?[0-9]+(\.[0-9]{1,2})?') THEN 'amount: is not a decimal(18,2)'
            WHEN currency IS NULL OR currency NOT IN ('USD') THEN 'currency: is not one of USD'
            WHEN cast_ts IS NULL THEN 'ts: is not a timestamp'
            WHEN channel IS NULL THEN 'channel: is missing'
            WHEN note IS NULL THEN 'note: is missing'
       END AS reason,
       CASE WHEN reason IS NOT NULL THEN json_object('event_id', event_id, 'order_id', order_id, 'type', type, 'amount', amount,
                                                 'currency', currency, 'ts', ts, 'channel', channel, 'note', note) END AS source
FROM lines;

INSERT INTO quarantine SELECT @file, reason, source FROM incoming WHERE reason IS NOT NULL;

-- Ids that earlier batches have, with the digest of the first content.
CREATE OR REPLACE TEMP TABLE repeated AS
SELECT event_id, digest, CAST(NULL AS BIGINT) AS first
FROM ids SEMI JOIN (FROM incoming WHERE reason IS NULL) AS i USING (event_id);

-- Ids that come more than once in this batch, with the row that counts. Hashes, which are grouped much faster than
-- texts, leave few candidates, and these are compared exactly.
INSERT INTO repeated
SELECT event_id, arg_min(digest, rowid), min(rowid)
FROM incoming
WHERE reason IS NULL AND event_id NOT IN (SELECT event_id FROM repeated)
  AND hash(event_id) IN (SELECT hash(event_id) FROM incoming WHERE reason IS NULL GROUP BY ALL HAVING count(*) > 1)
GROUP BY event_id HAVING count(*) > 1;

-- The same id with other content is set aside, whole: its lines are read again, if there are any.
INSERT INTO quarantine
SELECT @file, 'event_id: conflict',
       json_object('event_id', event_id, 'order_id', order_id, 'type', type, 'amount', amount,
                   'currency', currency, 'ts', ts, 'channel', channel, 'note', note)
FROM lines SEMI JOIN (
  SELECT i.event_id, i.digest FROM incoming AS i JOIN repeated AS r USING (event_id) WHERE i.reason IS NULL AND i.digest <> r.digest
) AS c USING (event_id, digest);

CREATE OR REPLACE TEMP VIEW accepted AS
FROM (SELECT *, rowid AS row FROM incoming WHERE reason IS NULL) AS i
ANTI JOIN repeated AS r ON r.event_id = i.event_id AND r.first IS DISTINCT FROM i.row;

-- A primary key's tree takes sorted keys in half the time; without one there is nothing to sort for.
INSERT INTO ids SELECT event_id, digest FROM accepted @sorted;

MERGE INTO artifacts AS a USING (
  SELECT order_id,
         count(*) AS events,
         coalesce(sum(amount) FILTER (WHERE type = 'shipment'), 0) AS shipped,
         coalesce(sum(amount) FILTER (WHERE type = 'payment'), 0) AS paid,
         coalesce(sum(amount) FILTER (WHERE type = 'refund'), 0) AS refunded,
         min(ts) AS first_at,
         max(ts) AS last_at
  FROM accepted GROUP BY order_id
) AS d ON a.order_id = d.order_id
WHEN MATCHED THEN UPDATE SET
  events = a.events + d.events, shipped = a.shipped + d.shipped, paid = a.paid + d.paid, refunded = a.refunded + d.refunded,
  first_at = least(a.first_at, d.first_at), last_at = greatest(a.last_at, d.last_at)
WHEN NOT MATCHED THEN INSERT VALUES (d.order_id, d.events, d.shipped, d.paid, d.refunded, d.first_at, d.last_at);

COMMIT;
CHECKPOINT;
