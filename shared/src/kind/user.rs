use super::{Cleaning, Column, Field, Form, Kind, Rule};

/// The author of a post.
pub const USER: Kind = Kind {
    name: "user",
    table: "user_data",
    join_key: "ind",
    fields: &[
        Field::required("first_name", Rule::Text),
        Field::required("last_name", Rule::Text),
        // Years. The sample has 20 to 60; the longest human life was 122.
        Field::optional("age", Rule::Integer { min: 0, max: 150 }),
        Field::required("date_joined", Rule::DateTime).alias("date-joined"),
    ],
    columns: &[
        Column::new("user_name", &["first_name", "last_name"], Cleaning::Joined),
        Column::new("age", &["age"], Cleaning::Integer),
        Column::new("date_joined", &["date_joined"], Cleaning::Time),
    ],
    forms: &[
        Form::new("with numbers as strings", &[("ind", Some("\"4\"")), ("age", Some("\"20\""))]),
        Form::new("joined by `index`", &[("ind", None), ("index", Some("4"))]),
        Form::new("without `age`", &[("age", None)]),
        Form::new(
            "with `date-joined` in place of `date_joined`",
            &[("date_joined", None), ("date-joined", Some("\"2015-10-21 21:26:45\""))],
        ),
        Form::new("with Python's `isoformat()`", &[("date_joined", Some("\"2015-10-21T21:26:45\""))]),
        Form::new("with colons in the date", &[("date_joined", Some("\"2015:10:21 21:26:45\""))]),
        Form::new("with the month first", &[("date_joined", Some("\"10/21/2015, 21:26:45\""))]),
        Form::new("with bson's dates", &[("date_joined", Some(r#"{"$date":1445462805000}"#))]),
    ],
};
