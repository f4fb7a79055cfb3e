use super::{Field, Kind, Rule};

/// A post. No table of the course has an official DDL; the fields are those of all its published clients.
pub const PIN: Kind = Kind {
    name: "pin",
    table: "pinterest_data",
    join_key: "index",
    fields: &[
        Field::not_null("unique_id", Rule::Text),
        Field::required("title", Rule::Text),
        Field::required("description", Rule::Text),
        Field::required("poster_name", Rule::Text),
        // `451`, `20k`, `2M` or `User Info Error`.
        Field::required("follower_count", Rule::Text),
        Field::required("tag_list", Rule::TextOrList),
        Field::required("is_image_or_video", Rule::Text),
        // One client sends `img_src: null` instead.
        Field::optional("image_src", Rule::Text),
        Field::required("downloaded", Rule::Integer { min: 0, max: 1 }),
        Field::required("save_location", Rule::Text),
        // 13 were seen; others may come.
        Field::required("category", Rule::Text),
    ],
};
