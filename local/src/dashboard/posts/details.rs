//! The details of a post that its rows contain.

use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;

/// The accepted names of the field with the date a user joined.
const USER_DATES: [&str; 2] = ["date_joined", "date-joined"];

/// The fields that the page shows. Each belongs to one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Details {
    title: Option<String>,
    poster_name: Option<String>,
    follower_count: Option<String>,
    pub(super) category: Option<String>,
    media: Option<String>,
    pub(super) country: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    user: Option<String>,
    age: Option<f64>,
    date_joined: Option<String>,
}

impl Details {
    /// Parses a row in any accepted form: numbers may be strings, a date may be an object. Of a list, the first row counts: its join
    /// key is the record's key.
    pub(super) fn of(row: &[u8]) -> Self {
        let row: Value = serde_json::from_slice(row).unwrap_or_default();
        let row = row.get(0).unwrap_or(&row);
        let text = |name: &str| match &row[name] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let number = |name: &str| row[name].as_f64().or_else(|| row[name].as_str()?.parse().ok());
        let name = |name: &str| row[name].as_str();
        Self {
            title: text("title"),
            poster_name: text("poster_name"),
            follower_count: text("follower_count"),
            category: text("category"),
            media: text("is_image_or_video"),
            country: text("country"),
            latitude: number("latitude"),
            longitude: number("longitude"),
            user: name("first_name").zip(name("last_name")).map(|(first, last)| format!("{first} {last}")),
            age: number("age"),
            date_joined: USER_DATES.iter().find_map(|name| text(name).or_else(|| bson_date(&row[*name]["$date"]))),
        }
    }

    /// Merges two, preferring the fields of `more`.
    pub(super) fn merge(self, more: Self) -> Self {
        Self {
            title: more.title.or(self.title),
            poster_name: more.poster_name.or(self.poster_name),
            follower_count: more.follower_count.or(self.follower_count),
            category: more.category.or(self.category),
            media: more.media.or(self.media),
            country: more.country.or(self.country),
            latitude: more.latitude.or(self.latitude),
            longitude: more.longitude.or(self.longitude),
            user: more.user.or(self.user),
            age: more.age.or(self.age),
            date_joined: more.date_joined.or(self.date_joined),
        }
    }

    pub(super) fn place(&self) -> Option<[f64; 2]> {
        // A hundredth of a degree is finer than a pixel of the map.
        let rounded = |degrees: f64| (degrees * 100.0).round() / 100.0;
        Some([rounded(self.latitude?), rounded(self.longitude?)])
    }
}

/// Formats a BSON date: a string, milliseconds since 1970, or those as `{"$numberLong": "…"}`.
fn bson_date(date: &Value) -> Option<String> {
    if let Some(text) = date.as_str() {
        return Some(text.to_owned());
    }
    let milliseconds = date.as_i64().or_else(|| date["$numberLong"].as_str()?.parse().ok())?;
    Some(DateTime::from_timestamp_millis(milliseconds)?.format("%F %T").to_string())
}
