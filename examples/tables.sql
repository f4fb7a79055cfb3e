-- The course's tables with the sample rows. MySQL runs this at its first start, in the database of compose.yaml. LOAD_FILE reads
-- nothing outside of this folder.

CREATE TABLE pinterest_data (
    `index` INT NOT NULL PRIMARY KEY,
    unique_id TEXT NOT NULL,
    title TEXT,
    description TEXT,
    poster_name TEXT,
    follower_count TEXT,
    tag_list TEXT,
    is_image_or_video TEXT,
    image_src TEXT,
    downloaded INT,
    save_location TEXT,
    category TEXT
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE geolocation_data (
    ind INT NOT NULL PRIMARY KEY,
    `timestamp` DATETIME,
    latitude FLOAT,
    longitude FLOAT,
    country TEXT
) DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE user_data (
    ind INT NOT NULL PRIMARY KEY,
    first_name TEXT,
    last_name TEXT,
    age INT,
    date_joined DATETIME
) DEFAULT CHARACTER SET utf8mb4;

-- A file has one object a line.
SET @pins = CONVERT(LOAD_FILE('/var/lib/mysql-files/pinterest_data.jsonl') USING utf8mb4);
SET @places = CONVERT(LOAD_FILE('/var/lib/mysql-files/geolocation_data.jsonl') USING utf8mb4);
SET @users = CONVERT(LOAD_FILE('/var/lib/mysql-files/user_data.jsonl') USING utf8mb4);

INSERT INTO pinterest_data
SELECT * FROM JSON_TABLE(CONCAT('[', REPLACE(TRIM('\n' FROM @pins), '\n', ','), ']'), '$[*]' COLUMNS (
    `index` INT PATH '$.index',
    unique_id TEXT PATH '$.unique_id',
    title TEXT PATH '$.title',
    description TEXT PATH '$.description',
    poster_name TEXT PATH '$.poster_name',
    follower_count TEXT PATH '$.follower_count',
    tag_list TEXT PATH '$.tag_list',
    is_image_or_video TEXT PATH '$.is_image_or_video',
    image_src TEXT PATH '$.image_src',
    downloaded INT PATH '$.downloaded',
    save_location TEXT PATH '$.save_location',
    category TEXT PATH '$.category'
)) AS sample;

INSERT INTO geolocation_data
SELECT * FROM JSON_TABLE(CONCAT('[', REPLACE(TRIM('\n' FROM @places), '\n', ','), ']'), '$[*]' COLUMNS (
    ind INT PATH '$.ind',
    `timestamp` DATETIME PATH '$.timestamp',
    latitude FLOAT PATH '$.latitude',
    longitude FLOAT PATH '$.longitude',
    country TEXT PATH '$.country'
)) AS sample;

INSERT INTO user_data
SELECT * FROM JSON_TABLE(CONCAT('[', REPLACE(TRIM('\n' FROM @users), '\n', ','), ']'), '$[*]' COLUMNS (
    ind INT PATH '$.ind',
    first_name TEXT PATH '$.first_name',
    last_name TEXT PATH '$.last_name',
    age INT PATH '$.age',
    date_joined DATETIME PATH '$.date_joined'
)) AS sample;
