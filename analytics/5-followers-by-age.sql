-- 5. The median follower count in each age group, by posts. Of an even number it is the lower of the two in the middle.
WITH pins AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM pin_rows AS r
), users AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM user_rows AS r
), age_groups (age_group, youngest, oldest) AS (
  VALUES ('18-24', 18, 24), ('25-35', 25, 35), ('36-50', 36, 50), ('+50', 51, 150)
)
SELECT age_group, follower_count AS median_follower_count FROM (
  SELECT a.age_group, a.youngest, p.follower_count,
    row_number() OVER (PARTITION BY a.age_group ORDER BY p.follower_count) AS place,
    count(*) OVER (PARTITION BY a.age_group) AS posts
  FROM pins AS p JOIN users AS u ON u.ind = p.ind JOIN age_groups AS a ON u.age BETWEEN a.youngest AND a.oldest
  WHERE p.recency = 1 AND u.recency = 1 AND p.follower_count IS NOT NULL
) WHERE 2 * place IN (posts, posts + 1)
ORDER BY youngest
