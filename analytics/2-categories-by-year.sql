-- 2. The posts of each category in each year from 2018 to 2022. The most popular category of a year has the place 1, or all that
-- share it have.
WITH pins AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM pin_rows AS r
), geos AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM geo_rows AS r
)
SELECT year(g.timestamp) AS post_year, p.category, count(*) AS posts,
  rank() OVER (PARTITION BY year(g.timestamp) ORDER BY count(*) DESC) AS place
FROM pins AS p JOIN geos AS g ON g.ind = p.ind
WHERE p.recency = 1 AND g.recency = 1 AND year(g.timestamp) BETWEEN 2018 AND 2022 AND p.category IS NOT NULL
GROUP BY year(g.timestamp), p.category
ORDER BY post_year, category
