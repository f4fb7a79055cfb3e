-- 1. The most popular category in each country: the one with the most posts, or all that share the first place.
WITH pins AS (
  SELECT * FROM (
    SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
    FROM pin_rows AS r
  ) WHERE recency = 1
), geos AS (
  SELECT * FROM (
    SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
    FROM geo_rows AS r
  ) WHERE recency = 1
)
SELECT country, category, posts FROM (
  SELECT g.country, p.category, count(*) AS posts, rank() OVER (PARTITION BY g.country ORDER BY count(*) DESC) AS place
  FROM pins AS p JOIN geos AS g ON g.ind = p.ind
  WHERE g.country IS NOT NULL AND p.category IS NOT NULL
  GROUP BY g.country, p.category
) WHERE place = 1
ORDER BY country, category
