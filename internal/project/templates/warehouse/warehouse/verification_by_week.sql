-- model: verification_by_week
-- tests:
--   - unique: week
--   - balanced: {sum: users, equals: "SELECT count(*) FROM verification"}

-- How many users of each week were verified, and how fast? A user who is not verified yet counts as a user only.
SELECT week,
  count(*) AS users,
  count(minutes) AS verified,
  count(CASE WHEN minutes <= 24 * 60 THEN 1 END) AS within_a_day,
  percentile_disc(0.5) WITHIN GROUP (ORDER BY minutes) AS median_minutes
FROM (
  SELECT CAST(date_trunc('week', created_at) AS DATE) AS week,
    CAST(floor(extract(epoch FROM verified_at - created_at) / 60) AS BIGINT) AS minutes
  FROM verification
) AS velocity
GROUP BY week;
