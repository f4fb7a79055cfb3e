use super::{Field, Kind, Rule};

/// Who made a post.
pub const USER: Kind = Kind {
    name: "user",
    table: "user_data",
    join_key: "ind",
    fields: &[
        Field::required("first_name", Rule::Text),
        Field::required("last_name", Rule::Text),
        // Years. 20 to 60 were seen; nobody has become older than 122.
        Field::optional("age", Rule::Integer { min: 0, max: 150 }),
        Field::required("date_joined", Rule::DateTime),
    ],
};
