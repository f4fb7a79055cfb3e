-- 7. The median follower count of the users who joined in each year from 2015 to 2020, by posts. Of an even number it is the
-- lower of the two in the middle.
WITH pins AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM pin_rows AS r
), users AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM user_rows AS r
)
SELECT joining_year, follower_count AS median_follower_count FROM (
  SELECT year(u.date_joined) AS joining_year, p.follower_count,
    row_number() OVER (PARTITION BY year(u.date_joined) ORDER BY p.follower_count) AS place,
    count(*) OVER (PARTITION BY year(u.date_joined)) AS posts
  FROM pins AS p JOIN users AS u ON u.ind = p.ind
  WHERE p.recency = 1 AND u.recency = 1 AND year(u.date_joined) BETWEEN 2015 AND 2020 AND p.follower_count IS NOT NULL
) WHERE 2 * place IN (posts, posts + 1)
ORDER BY joining_year
