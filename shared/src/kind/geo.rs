use super::{Field, Kind, Rule};

/// Where and when a post was made. The coordinates are random: they do not lie in the country.
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
};
