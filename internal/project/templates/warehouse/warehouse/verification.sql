-- model: verification
-- tests:
--   - unique: user_id
--   - not_null: [user_id, created_at]
--   - balanced: {sum: created, equals: "SELECT count(*) FROM user_events WHERE event = 'user_created'"}

-- When was each user created, and when verified?
SELECT user_id,
  max(user_zip) AS zip,
  min(CASE WHEN event = 'user_created' THEN happened_at END) AS created_at,
  min(CASE WHEN event = 'user_verified' THEN happened_at END) AS verified_at,
  CAST(sum(CASE WHEN event = 'user_created' THEN 1 ELSE 0 END) AS BIGINT) AS created
FROM user_events
GROUP BY user_id;
