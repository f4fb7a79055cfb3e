-- 4. The most popular category in each age group: the one with the most posts, or all that share the first place.
WITH pins AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM pin_rows AS r
), users AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM user_rows AS r
), age_groups (age_group, youngest, oldest) AS (
  VALUES ('18-24', 18, 24), ('25-35', 25, 35), ('36-50', 36, 50), ('+50', 51, 150)
)
SELECT age_group, category, posts FROM (
  SELECT a.age_group, a.youngest, p.category, count(*) AS posts,
    rank() OVER (PARTITION BY a.age_group ORDER BY count(*) DESC) AS place
  FROM pins AS p JOIN users AS u ON u.ind = p.ind JOIN age_groups AS a ON u.age BETWEEN a.youngest AND a.oldest
  WHERE p.recency = 1 AND u.recency = 1 AND p.category IS NOT NULL
  GROUP BY a.age_group, a.youngest, p.category
) WHERE place = 1
ORDER BY youngest, category
