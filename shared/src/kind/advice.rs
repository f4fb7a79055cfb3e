//! The sentence that explains all of a row's broken rules at once, for the mistakes that clients make.

use super::{
    CATALOG, Kind, Presence,
    broken::Violation,
    check::{Row, get},
    row::Value,
};
use crate::topic::PASS_THROUGH_TOPICS;

/// Fields of the record with which the course's tutorial has its API tried, and of no kind's rows. (The others are `index`
/// and `age`.)
const TUTORIAL: [&str; 2] = ["name", "role"];

impl Kind {
    /// The one mistake behind a row's broken rules. `sibling` gives the topic of another kind.
    pub(super) fn advice(&self, row: &Row<'_>, sibling: impl Fn(&Self) -> String) -> Option<Violation> {
        if let [(key, Value::Object(_) | Value::List(_))] = row
            && key == "value"
        {
            return Some(Violation::of_value("holds the row inside another `value`: unwrap it, one `value` is enough"));
        }
        if let Some(kind) = CATALOG.iter().find(|kind| **kind != self && kind.fits_better(row, self)) {
            let topic = sibling(kind);
            return Some(Violation::of_value(format!("looks like a {kind} record; its topic is {topic}")));
        }
        let is_tutorial = TUTORIAL.iter().all(|name| get(row, name).is_some()) && !self.fits(row);
        is_tutorial.then(|| {
            Violation::of_value(format!(
                "is the tutorial's test record, not a {self} record: send a row with {}, or send it to a topic of {} \
                 or `--pass-through`, which takes any record",
                self.needed(),
                PASS_THROUGH_TOPICS.name
            ))
        })
    }

    /// Whether a row has more than half of this kind's fields, and more of them than of the other's.
    fn fits_better(&self, row: &Row<'_>, other: &Self) -> bool {
        self.fits(row) && self.fields_in(row) > other.fields_in(row)
    }

    fn fits(&self, row: &Row<'_>) -> bool {
        2 * self.fields_in(row) > self.fields.len()
    }

    fn fields_in(&self, row: &Row<'_>) -> usize {
        self.fields.iter().filter(|field| field.names().any(|name| get(row, name).is_some())).count()
    }

    /// The names of the fields that no row leaves out.
    fn needed(&self) -> String {
        let fields = self.fields.iter().filter(|field| field.presence != Presence::Optional).map(|field| field.name);
        let names: Vec<_> = std::iter::once(self.join_key).chain(fields).map(|name| format!("`{name}`")).collect();
        match names.as_slice() {
            [names @ .., last] => format!("{} and {last}", names.join(", ")),
            [] => String::new(),
        }
    }
}
