-- 1. The most popular category in each country: the one with the most posts, or all that share the first place.
WITH pins AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM pin_rows AS r
), geos AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM geo_rows AS r
)
SELECT country, category, posts FROM (
  SELECT g.country, p.category, count(*) AS posts, rank() OVER (PARTITION BY g.country ORDER BY count(*) DESC) AS place
  FROM pins AS p JOIN geos AS g ON g.ind = p.ind
  WHERE p.recency = 1 AND g.recency = 1 AND g.country IS NOT NULL AND p.category IS NOT NULL
  GROUP BY g.country, p.category
) WHERE place = 1
ORDER BY country, category
