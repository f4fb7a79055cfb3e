-- 3. The user with the most followers in each country, or all that share the first place. The country of the most-followed user
-- of all has the place 1.
WITH pins AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM pin_rows AS r
), geos AS (
  SELECT r.*, row_number() OVER (PARTITION BY r.ind ORDER BY r.offset DESC, r.partition DESC, r.list_index DESC) AS recency
  FROM geo_rows AS r
)
SELECT country, poster_name, follower_count, rank() OVER (ORDER BY follower_count DESC) AS place FROM (
  SELECT g.country, p.poster_name, max(p.follower_count) AS follower_count,
    rank() OVER (PARTITION BY g.country ORDER BY max(p.follower_count) DESC) AS place_in_country
  FROM pins AS p JOIN geos AS g ON g.ind = p.ind
  WHERE p.recency = 1 AND g.recency = 1 AND g.country IS NOT NULL AND p.follower_count IS NOT NULL
  GROUP BY g.country, p.poster_name
) WHERE place_in_country = 1
ORDER BY country, poster_name
