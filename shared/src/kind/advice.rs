//! One sentence in place of all the rules that a common mistake breaks.

use super::{
    CATALOG, Kind, Presence,
    broken::Violation,
    check::{Row, get},
    row::Value,
};
use crate::topic::PASS_THROUGH_TOPICS;

/// The fields that distinguish the tutorial's test record from every kind's rows. (Its others are `index` and `age`.)
const TUTORIAL: [&str; 2] = ["name", "role"];

impl Kind {
    /// The common mistake behind a row's broken rules, if there is one.
    pub(super) fn advice(&self, row: &Row<'_>) -> Option<Violation> {
        if let [(key, Value::Object(_) | Value::List(_))] = row
            && key == "value"
        {
            return Some(Violation::of_value("holds the row inside another `value`: unwrap it, one `value` is enough"));
        }
        if let Some(kind) = CATALOG.iter().find(|kind| **kind != self && kind.fits_better(row, self)) {
            return Some(Violation::of_kind(kind));
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

    /// Returns whether a row has more than half of this kind's fields, and more of them than of the other's.
    fn fits_better(&self, row: &Row<'_>, other: &Self) -> bool {
        self.fits(row) && self.fields_in(row) > other.fields_in(row)
    }

    fn fits(&self, row: &Row<'_>) -> bool {
        2 * self.fields_in(row) > self.fields.len()
    }

    fn fields_in(&self, row: &Row<'_>) -> usize {
        self.fields.iter().filter(|field| field.names().any(|name| get(row, name).is_some())).count()
    }

    /// The names of the fields that every row needs.
    fn needed(&self) -> String {
        let fields = self.fields.iter().filter(|field| field.presence != Presence::Optional).map(|field| field.name);
        let names: Vec<_> = std::iter::once(self.join_key).chain(fields).map(|name| format!("`{name}`")).collect();
        match names.as_slice() {
            [names @ .., last] => format!("{} and {last}", names.join(", ")),
            [] => String::new(),
        }
    }
}
