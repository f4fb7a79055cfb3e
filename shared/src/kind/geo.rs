use super::{Cleaning, Column, Field, Form, Kind, Rule};

/// The place and time of a post. The coordinates are random, not within the country.
pub const GEO: Kind = Kind {
    name: "geo",
    table: "geolocation_data",
    join_key: "ind",
    fields: &[
        Field::required("timestamp", Rule::DateTime),
        // Degrees.
        Field::required("latitude", Rule::Number { min: -90.0, max: 90.0 }),
        Field::required("longitude", Rule::Number { min: -180.0, max: 180.0 }),
        Field::optional("country", Rule::Text),
    ],
    columns: &[
        Column::new("timestamp", &["timestamp"], Cleaning::Time),
        Column::new("latitude", &["latitude"], Cleaning::Number),
        Column::new("longitude", &["longitude"], Cleaning::Number),
        Column::new("coordinates", &["latitude", "longitude"], Cleaning::Numbers),
        Column::new("country", &["country"], Cleaning::Text),
    ],
    forms: &[
        Form::new(
            "with numbers as strings",
            &[("ind", Some("\"4\"")), ("latitude", Some("\"-88.8298\"")), ("longitude", Some("\"-170.191\""))],
        ),
        Form::new("joined by `index`", &[("ind", None), ("index", Some("4"))]),
        Form::new("without `country`", &[("country", None)]),
        Form::new("with Python's `isoformat()`", &[("timestamp", Some("\"2020-08-28T03:52:47\""))]),
        Form::new("with colons in the date", &[("timestamp", Some("\"2020:08:28 03:52:47\""))]),
        Form::new("with the month first", &[("timestamp", Some("\"08/28/2020, 03:52:47\""))]),
        Form::new("with bson's dates", &[("timestamp", Some(r#"{"$date":1598586767000}"#))]),
    ],
};
