-- model: revenue
-- materialize: table
-- tests:
--   - not_null: [country, month, revenue]
--   - unique: [country, month]
--   - balanced: {sum: revenue, total: sales.amount}
--   - balanced: {sum: revenue, by: country, equals: "SELECT country, sum(amount) FROM events_sales GROUP BY country"}

-- Revenue by country and month, in pounds: cancellations are negative, and counted as invoices of their own.
SELECT country, month, sum(amount) AS revenue, count(DISTINCT invoice_no) AS invoices
FROM (SELECT country, CAST(date_trunc('month', invoiced_at AT TIME ZONE 'UTC') AS DATE) AS month, amount, invoice_no FROM events_sales) AS rows_of_months
GROUP BY country, month;
