//! Cleaned rows: the typed cells of a table, from an archived value.
//!
//! Archived values are JSON, and may break every other rule: other producers write to the topics too. So cleaning never fails. A
//! value that has no place in a column is null there, and the table keeps the value itself.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Cleaning, Column, Field, JOIN_COLUMN, JOIN_KEY, JOIN_KEYS, Kind, Rule, date,
    row::{Depth, Object, Value},
    rule::is_whole_number,
};
use crate::json::Key;

/// The texts that stand for a missing one, each as the whole value.
const PLACEHOLDERS: [&str; 9] = [
    "",
    "Image src error.",
    "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "NaN",
    "No Title Data Available",
    "No description available",
    "No description available Story format",
    "Untitled",
    "User Info Error",
];

/// The microseconds from 1970 to the beginning of the year 1, and to that of 10000: readers have no other years.
const MICROS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// A cleaned value. Every column holds one type, or null.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are those of ColumnType")]
pub enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i32),
    BigInteger(i64),
    Number(f64),
    Numbers(Vec<f64>),
    Time(i64),
}

/// Cleans the values of one kind.
#[derive(Debug)]
pub struct Cleaner {
    kind: &'static Kind,
    /// The fields of each column of the kind, by their place in it.
    sources: Vec<Vec<usize>>,
}

impl Cleaner {
    /// A cleaner for the values of `kind`.
    #[must_use]
    pub fn new(kind: &'static Kind) -> Self {
        let place = |name: &&str| kind.fields.iter().position(|field| field.name == *name);
        let sources = kind.columns.iter().map(|column| column.fields.iter().filter_map(place).collect()).collect();
        Self { kind, sources }
    }

    /// The columns, in the order of the cells.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        std::iter::once(&JOIN_COLUMN).chain(self.kind.columns)
    }

    /// Calls `each` with the cells of every row in `value`: one row for each element of a list that holds a row, otherwise one. A
    /// value or an element that is not a row gives nulls.
    pub fn clean<'a>(&self, value: &'a str, mut each: impl FnMut(&[Cell<'a>])) {
        let mut cells = Vec::with_capacity(1 + self.sources.len());
        let list = if value.starts_with('[') { serde_json::from_str(value).unwrap_or_default() } else { Vec::new() };
        let list: Vec<_> = list.into_iter().map(RawValue::get).collect();
        let rows = if list.iter().any(|row| row.starts_with('{')) { list.as_slice() } else { &[value] };
        for row in rows {
            self.row(row, &mut cells);
            each(&cells);
        }
    }

    fn row<'a>(&self, row: &'a str, cells: &mut Vec<Cell<'a>>) {
        let mut raw = RawRow { kind: self.kind, fields: vec![None; self.kind.fields.len()], join_keys: [None; 2] };
        if row.starts_with('{') {
            // An archived value is JSON. Of any other, the part before the error counts.
            drop((&mut raw).deserialize(&mut serde_json::Deserializer::from_str(row)));
        }
        cells.clear();
        cells.push(raw.join_key());
        for (column, sources) in self.kind.columns.iter().zip(&self.sources) {
            cells.push(clean(column.cleaning, sources.iter().map(|at| (&self.kind.fields[*at], raw.fields[*at]))));
        }
    }
}

/// The values of a row's known fields, unread.
struct RawRow<'a> {
    kind: &'static Kind,
    fields: Vec<Option<&'a RawValue>>,
    /// Those of [`JOIN_KEYS`].
    join_keys: [Option<&'a RawValue>; 2],
}

impl RawRow<'_> {
    /// The cell of [`JOIN_COLUMN`]: the key under the kind's own name, or else under the other.
    fn join_key(&self) -> Cell<'static> {
        let own = JOIN_KEYS.iter().position(|name| *name == self.kind.join_key).unwrap_or_default();
        let keys = [self.join_keys[own], self.join_keys[1 - own]].into_iter().flatten();
        keys.filter_map(read).find_map(|value| integer(&JOIN_KEY, &value)).map_or(Cell::Null, Cell::Integer)
    }
}

impl<'de> DeserializeSeed<'de> for &mut RawRow<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut RawRow<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let kind = self.kind;
        // Most rows have the kind's order.
        let mut next = 0;
        while let Some(Key(name)) = map.next_key()? {
            let is_own = |field: &Field| field.name == name;
            let own = kind.fields[next..].iter().position(is_own).map(|at| next + at);
            if let Some(at) = own.or_else(|| kind.fields[..next].iter().position(is_own)) {
                // A field's own name outranks its alias, wherever it stands.
                self.fields[at] = Some(map.next_value()?);
                next = at + 1;
            } else if let Some(at) = kind.fields.iter().position(|field| field.alias == Some(&name)) {
                let value = map.next_value()?;
                self.fields[at].get_or_insert(value);
            } else if let Some(at) = JOIN_KEYS.iter().position(|key| *key == name) {
                self.join_keys[at] = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn clean<'a>(
    cleaning: Cleaning,
    mut sources: impl Iterator<Item = (&'static Field, Option<&'a RawValue>)>,
) -> Cell<'a> {
    match cleaning {
        Cleaning::Text => sources.next().and_then(text).map_or(Cell::Null, Cell::Text),
        Cleaning::TextWithout(prefix) => {
            let text = sources.next().and_then(full_text).map(|text| match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(prefix).unwrap_or(text)),
                Cow::Owned(text) => Cow::Owned(text.strip_prefix(prefix).map(str::to_owned).unwrap_or(text)),
            });
            text.and_then(unless_placeholder).map_or(Cell::Null, Cell::Text)
        }
        Cleaning::Joined => {
            let texts: Vec<_> = sources.filter_map(text).collect();
            if texts.is_empty() { Cell::Null } else { Cell::Text(texts.join(" ").into()) }
        }
        Cleaning::Count => {
            sources.next().and_then(text).and_then(|text| count(&text)).map_or(Cell::Null, Cell::BigInteger)
        }
        Cleaning::Integer => {
            let value = sources.next().and_then(|(field, raw)| integer(&field.rule, &read(raw?)?));
            value.map_or(Cell::Null, Cell::Integer)
        }
        Cleaning::Number => sources.next().and_then(number).map_or(Cell::Null, Cell::Number),
        Cleaning::Numbers => sources.map(number).collect::<Option<_>>().map_or(Cell::Null, Cell::Numbers),
        Cleaning::Time => {
            let micros = sources.next().and_then(|(_, raw)| micros(&read(raw?)?));
            micros.filter(|micros| MICROS.contains(micros)).map_or(Cell::Null, Cell::Time)
        }
    }
}

/// Reads a field's value as the rules read it.
fn read(raw: &RawValue) -> Option<Value<'_>> {
    Depth::Field.deserialize(&mut serde_json::Deserializer::from_str(raw.get())).ok()
}

fn text<'a>(source: (&'static Field, Option<&'a RawValue>)) -> Option<Cow<'a, str>> {
    full_text(source).and_then(unless_placeholder)
}

/// The text of a field, placeholders included.
fn full_text<'a>((field, raw): (&'static Field, Option<&'a RawValue>)) -> Option<Cow<'a, str>> {
    let json = raw?.get();
    match serde_json::from_str(json) {
        Ok(Key(text)) => Some(text),
        Err(_) if field.rule == Rule::TextOrList => serde_json::from_str::<Vec<Key<'_>>>(json).ok().map(|list| {
            let texts: Vec<_> = list.into_iter().map(|Key(text)| text).collect();
            texts.join(",").into()
        }),
        Err(_) => None,
    }
}

fn unless_placeholder(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!PLACEHOLDERS.contains(&text.as_ref())).then_some(text)
}

fn integer(rule: &Rule, value: &Value<'_>) -> Option<i32> {
    rule.integer(value).and_then(|integer| integer.try_into().ok())
}

fn number((field, raw): (&'static Field, Option<&RawValue>)) -> Option<f64> {
    field.rule.number(&read(raw?)?)
}

/// The number in `451`, `20k`, `1.5k` or `2M`.
fn count(text: &str) -> Option<i64> {
    let (digits, zeros) = match text.strip_suffix('k') {
        Some(thousands) => (thousands, 3),
        None => text.strip_suffix('M').map_or((text, 0), |millions| (millions, 6)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > zeros || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // The fraction's digits take the place of the first zeros.
    format!("{whole}{fraction:0<zeros$}").parse().ok()
}

/// The microseconds since 1970 of a date, or of one of bson.
fn micros(value: &Value<'_>) -> Option<i64> {
    let millis = |text: &str| is_whole_number(text).then(|| text.parse::<i64>().ok()?.checked_mul(1_000))?;
    match value {
        Value::Text(text) => date::micros(text).ok(),
        Value::Object(Object { fields, .. }) => match fields.as_slice() {
            [(key, Value::Text(text))] if key == "$date" => date::micros(text).ok(),
            [(key, Value::Number(number))] if key == "$date" => millis(&number.to_string()),
            [(key, Value::Object(Object { fields, .. }))] if key == "$date" => match fields.as_slice() {
                [(key, Value::Text(digits))] if key == "$numberLong" => millis(digits),
                _ => None,
            },
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{CATALOG, GEO, PIN, USER, tests::in_form};

    /// The cells of each row, by column.
    fn rows(kind: &'static Kind, value: &str) -> Vec<Vec<(&'static str, Cell<'static>)>> {
        let cleaner = Cleaner::new(kind);
        let mut rows = Vec::new();
        let owned = |cell: &Cell<'_>| match cell {
            Cell::Text(text) => Cell::Text(text.to_string().into()),
            Cell::Null => Cell::Null,
            Cell::Integer(value) => Cell::Integer(*value),
            Cell::BigInteger(value) => Cell::BigInteger(*value),
            Cell::Number(value) => Cell::Number(*value),
            Cell::Numbers(values) => Cell::Numbers(values.clone()),
            Cell::Time(micros) => Cell::Time(*micros),
        };
        cleaner.clean(value, |cells| {
            assert_eq!(cells.len(), cleaner.columns().count());
            rows.push(cleaner.columns().map(|column| column.name).zip(cells.iter().map(owned)).collect());
        });
        rows
    }

    /// The cell of a column, from a value with only this field.
    fn cell(kind: &'static Kind, column: &str, field: &str, json: &str) -> Cell<'static> {
        let rows = rows(kind, &format!("{{\"{field}\":{json}}}"));
        rows[0].iter().find(|(name, _)| *name == column).unwrap().1.clone()
    }

    fn text(text: &str) -> Cell<'static> {
        Cell::Text(text.to_owned().into())
    }

    #[test]
    fn each_field_of_each_kind_has_a_column_that_accepts_its_rule() {
        for kind in CATALOG {
            for field in kind.fields {
                let columns: Vec<_> =
                    kind.columns.iter().filter(|column| column.fields.contains(&field.name)).collect();
                assert!(!columns.is_empty(), "{kind}.{}", field.name);
                for Column { name, cleaning, .. } in columns {
                    let accepts = match cleaning {
                        Cleaning::Text => matches!(field.rule, Rule::Text | Rule::TextOrList),
                        Cleaning::TextWithout(_) | Cleaning::Joined | Cleaning::Count => field.rule == Rule::Text,
                        Cleaning::Integer => {
                            matches!(field.rule, Rule::Integer { max, .. } if i32::try_from(max).is_ok())
                        }
                        Cleaning::Number | Cleaning::Numbers => matches!(field.rule, Rule::Number { .. }),
                        Cleaning::Time => field.rule == Rule::DateTime,
                    };
                    assert!(accepts, "{kind}.{name}");
                }
            }
            for Column { name, fields, .. } in kind.columns {
                let exists = |name: &&str| kind.fields.iter().any(|field| field.name == *name);
                assert!(!fields.is_empty() && fields.iter().all(exists), "{kind}.{name}");
            }
        }
    }

    #[test]
    fn every_published_form_of_a_row_fills_the_columns_of_the_fields_that_it_has() {
        for kind in CATALOG {
            for form in kind.forms {
                let sent = in_form(kind, form);
                let has = |name: &&str| {
                    let field = kind.fields.iter().find(|field| field.name == *name).unwrap();
                    field.names().any(|name| sent.get(name).is_some_and(|value| !value.is_null()))
                };
                let cells = rows(kind, &serde_json::to_string(&sent).unwrap()).remove(0);
                assert_eq!(cells[0].1, Cell::Integer(4), "{kind} {form}");
                for (column, (name, cell)) in kind.columns.iter().zip(&cells[1..]) {
                    assert_eq!(*cell != Cell::Null, column.fields.iter().all(has), "{kind}.{name} {form}: {cell:?}");
                }
            }
        }
    }

    #[test]
    fn a_text_that_stands_for_a_missing_one_is_null() {
        for placeholder in PLACEHOLDERS {
            let json = serde_json::to_string(placeholder).unwrap();
            for (column, field) in [("title", "title"), ("follower_count", "follower_count")] {
                assert_eq!(cell(&PIN, column, field, &json), Cell::Null, "{placeholder}");
            }
            let saved = serde_json::to_string(&format!("Local save in {placeholder}")).unwrap();
            assert_eq!(cell(&PIN, "save_location", "save_location", &saved), Cell::Null, "{placeholder}");
        }
        for other in [" ", "nan", "Untitled ", "My Untitled"] {
            let json = serde_json::to_string(other).unwrap();
            assert_eq!(cell(&PIN, "title", "title", &json), text(other));
        }
    }

    #[test]
    fn a_number_of_followers_is_read_with_its_suffix() {
        for (sent, number) in [
            ("0", Some(0)),
            ("451", Some(451)),
            ("20k", Some(20_000)),
            ("1.5k", Some(1_500)),
            ("2M", Some(2_000_000)),
            ("2.25M", Some(2_250_000)),
            ("1.5", None),
            ("1.2345k", None),
            ("k", None),
            ("2m", None),
            ("-1", None),
            ("1 k", None),
            ("9999999999999M", None),
            ("999999999999M", Some(999_999_999_999_000_000)),
        ] {
            let cell = cell(&PIN, "follower_count", "follower_count", &format!("\"{sent}\""));
            assert_eq!(cell, number.map_or(Cell::Null, Cell::BigInteger), "{sent}");
        }
    }

    #[test]
    fn a_moment_is_read_from_every_accepted_form() {
        let second = Cell::Time(1_598_586_767_000_000);
        for sent in [
            "\"2020-08-28T03:52:47\"",
            "\"2020:08:28 03:52:47\"",
            "\"08/28/2020, 03:52:47\"",
            "\"2020-08-28 05:52:47+02:00\"",
            r#"{"$date":1598586767000}"#,
            r#"{"$date":"2020-08-28T03:52:47Z"}"#,
            r#"{"$date":{"$numberLong":"1598586767000"}}"#,
        ] {
            assert_eq!(cell(&GEO, "timestamp", "timestamp", sent), second, "{sent}");
        }
        for sent in [
            "\"\"",
            "null",
            "1598586767",
            "\"0000-12-31 23:59:59\"",
            r#"{"$date":1e300}"#,
            r#"{"$date":{"$numberLong":"999999999999999999"}}"#,
            r#"{"$date":253402300800000}"#,
        ] {
            assert_eq!(cell(&GEO, "timestamp", "timestamp", sent), Cell::Null, "{sent}");
        }
    }

    #[test]
    fn tags_as_a_list_are_joined_and_parts_of_names_too() {
        assert_eq!(cell(&PIN, "tag_list", "tag_list", r#"["a","b \u00e9"]"#), text("a,b é"));
        assert_eq!(cell(&PIN, "tag_list", "tag_list", "[1]"), Cell::Null);
        assert_eq!(cell(&PIN, "title", "title", r#"["a"]"#), Cell::Null);
        assert_eq!(cell(&USER, "user_name", "last_name", "\"Lovelace\""), text("Lovelace"));
        assert_eq!(cell(&USER, "user_name", "age", "5"), Cell::Null);
    }

    #[test]
    fn coordinates_need_both_numbers() {
        let of = |json: &str| rows(&GEO, json)[0].clone();
        let both = of(r#"{"latitude":-1.5,"longitude":"2"}"#);
        assert!(both.contains(&("coordinates", Cell::Numbers(vec![-1.5, 2.0]))), "{both:?}");
        for one in [r#"{"latitude":-1.5}"#, r#"{"latitude":-1.5,"longitude":200}"#] {
            let one = of(one);
            assert!(one.contains(&("latitude", Cell::Number(-1.5))), "{one:?}");
            assert!(one.contains(&("coordinates", Cell::Null)), "{one:?}");
        }
    }

    #[test]
    fn a_list_gives_a_row_for_each_element_and_any_other_value_one_row() {
        let keys = |value: &str| -> Vec<_> { rows(&USER, value).into_iter().map(|row| row[0].1.clone()).collect() };
        let (one, two) = (Cell::Integer(1), Cell::Integer(2));
        for value in [r#"{"ind":1}"#, r#"[{"ind":1}]"#] {
            assert_eq!(keys(value), vec![one.clone()], "{value}");
        }
        assert_eq!(keys(r#"[{"ind":1},5,{"index":"2"}]"#), [one, Cell::Null, two.clone()]);
        for none in ["[]", "5", "[1,2]", "\"{\"", "null", r#"{"ind":-1}"#, r#"{"ind":2147483648}"#] {
            assert_eq!(keys(none), [Cell::Null], "{none}");
        }
        assert_eq!(keys(r#"{"ind":"x","index":2}"#), [two], "the other name's key, where the own one's is none");
    }

    #[test]
    fn a_fields_own_name_outranks_its_alias() {
        let joined = |value: &str| rows(&USER, value)[0].last().unwrap().1.clone();
        let (own, alias) = (r#""date_joined":"2015-10-21 21:26:45""#, r#""date-joined":"2016-10-21 21:26:45""#);
        let expected = joined(&format!("{{{own}}}"));
        assert_ne!(expected, Cell::Null);
        assert_eq!(joined(&format!("{{{own},{alias}}}")), expected);
        assert_eq!(joined(&format!("{{{alias},{own}}}")), expected);
        assert_ne!(joined(&format!("{{{alias}}}")), expected);
    }
}
