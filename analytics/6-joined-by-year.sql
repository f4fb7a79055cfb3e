-- 6. The users who joined in each year from 2015 to 2020. It counts posts, not people: a user has no id, and each post has a row
-- of its user.
WITH users AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM user_rows AS r
)
SELECT year(u.date_joined) AS joining_year, count(*) AS posts
FROM users AS u
WHERE u.recency = 1 AND year(u.date_joined) BETWEEN 2015 AND 2020
GROUP BY year(u.date_joined)
ORDER BY joining_year
