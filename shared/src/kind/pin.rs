use super::{Cleaning, Column, Field, Form, Kind, Rule};

/// A post. The course publishes no DDL; these are the fields of all published clients.
pub const PIN: Kind = Kind {
    name: "pin",
    table: "pinterest_data",
    join_key: "index",
    fields: &[
        Field::not_null("unique_id", Rule::Text),
        Field::required("title", Rule::Text),
        Field::optional("description", Rule::Text),
        Field::required("poster_name", Rule::Text),
        // `451`, `20k`, `2M` or `User Info Error`.
        Field::required("follower_count", Rule::Text),
        Field::optional("tag_list", Rule::TextOrList),
        Field::required("is_image_or_video", Rule::Text),
        Field::optional("image_src", Rule::Text),
        Field::required("downloaded", Rule::Integer { min: 0, max: 1 }),
        Field::optional("save_location", Rule::Text),
        // 13 values are known; there may be more.
        Field::optional("category", Rule::Text),
    ],
    columns: &[
        Column::new("unique_id", &["unique_id"], Cleaning::Text),
        Column::new("title", &["title"], Cleaning::Text),
        Column::new("description", &["description"], Cleaning::Text),
        Column::new("poster_name", &["poster_name"], Cleaning::Text),
        Column::new("follower_count", &["follower_count"], Cleaning::Count),
        Column::new("tag_list", &["tag_list"], Cleaning::Text),
        Column::new("is_image_or_video", &["is_image_or_video"], Cleaning::Text),
        Column::new("image_src", &["image_src"], Cleaning::Text),
        Column::new("downloaded", &["downloaded"], Cleaning::Integer),
        Column::new("save_location", &["save_location"], Cleaning::TextWithout("Local save in ")),
        Column::new("category", &["category"], Cleaning::Text),
    ],
    forms: &[
        Form::new("with numbers as strings", &[("index", Some("\"4\"")), ("downloaded", Some("\"1\""))]),
        Form::new("joined by `ind`", &[("index", None), ("ind", Some("4"))]),
        Form::new("without `description`", &[("description", None)]),
        Form::new("without `tag_list`", &[("tag_list", None)]),
        Form::new("without `save_location`", &[("save_location", None)]),
        Form::new("without `category`", &[("category", None)]),
        Form::new(
            "with `img_src`, always null, in place of `image_src`",
            &[("image_src", None), ("img_src", Some("null"))],
        ),
        Form::new(
            "with `tag_list` as a list",
            &[("tag_list", Some(r#"["Girl Drawing Sketches","Realistic Drawings"]"#))],
        ),
    ],
};
