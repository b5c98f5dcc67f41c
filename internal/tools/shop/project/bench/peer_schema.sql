CREATE TABLE ids (event_id VARCHAR NOT NULL, digest UBIGINT NOT NULL);
CREATE TABLE quarantine (batch VARCHAR, reason VARCHAR, source JSON);
CREATE TABLE artifacts (
  order_id VARCHAR NOT NULL, events BIGINT NOT NULL,
  shipped DECIMAL(38,2) NOT NULL, paid DECIMAL(38,2) NOT NULL, refunded DECIMAL(38,2) NOT NULL,
  first_at TIMESTAMP NOT NULL, last_at TIMESTAMP NOT NULL,
  balance AS (shipped - paid + refunded));
