//! The batch request: `{"entries":[{"id":…, …record}, …]}`.

use std::borrow::Cow;

use serde_json::value::RawValue;
use shared::json::{self, Place, text};

use super::entry::{Entry, MEMBERS};
use crate::{
    advice::explain,
    error::Error,
    limits::{MAX_BATCH_ENTRIES, MAX_ENTRY_ID_CHARS},
    members::Members,
};

/// An entry with its id.
type Identified = (String, Result<Entry, Error>);

/// The entries of a batch.
pub(super) fn entries(body: &[u8]) -> Result<Vec<Identified>, Error> {
    // Checks only the outer structure; each entry is checked separately.
    let not_json = |error| Error::NotJson(explain(error, body));
    let whole = json::utf8(body).map_err(not_json)?;
    serde_json::from_str::<&RawValue>(whole).map_err(|error| not_json(error.into()))?;
    let entries = Members::read(whole.trim_ascii(), "the body", &["entries"])?.get("entries").unwrap_or("[]");
    let entries: Vec<&RawValue> =
        serde_json::from_str(entries).map_err(|_| Error::BadRecord("`entries` must be a list".to_owned()))?;
    if entries.is_empty() {
        return Err(Error::BadBatch("Empty batch."));
    }
    if entries.len() > MAX_BATCH_ENTRIES {
        return Err(Error::BadBatch("Too many entries in batch."));
    }
    let (mut place, mut placed) = (Place::default(), 0);
    let mut read: Vec<Identified> = Vec::with_capacity(entries.len());
    for entry in entries {
        place = place.behind(&body[placed..start_of(entry.get(), body)]);
        placed = start_of(entry.get(), body);
        let (id, entry) = identified(entry.get(), place)?;
        if read.iter().any(|(other, _)| *other == id) {
            return Err(Error::BadBatch("Batch entry IDs are not distinct."));
        }
        read.push((id, entry));
    }
    Ok(read)
}

/// Parses an entry. One without an id fails the whole batch, because its result could not be attributed.
fn identified(entry: &str, place: Place) -> Result<Identified, Error> {
    let known: Vec<_> = ["id"].into_iter().chain(MEMBERS).collect();
    let members = Members::read(entry, "an entry", &known)?;
    let id = members.get("id").and_then(text).filter(|id| (1..=MAX_ENTRY_ID_CHARS).contains(&id.chars().count()));
    let id = id.map(Cow::into_owned).ok_or(Error::BadBatch("Batch entry identifier is not a valid string."))?;
    let checked = json::check(entry.as_bytes()).map_err(|error| Error::NotJson(error.after(place)));
    Ok((id, checked.and_then(|_| Entry::of(&members))))
}

/// The offset in `body` of `part`, which borrows from it.
fn start_of(part: &str, body: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize).min(body.len())
}
