//! Record headers in JSON: a list of objects, each with a name and a value in base64 or null.

use serde_json::value::RawValue;
use shared::{json::text, publish::Header};

use crate::{binary::decode, error::Error, limits::MAX_HEADERS, members::Members};

/// Parses a list of headers. `name` is the member that holds a header's name, which differs between the versions of the API.
pub(crate) fn read(json: &str, name: &str) -> Result<Vec<Header>, Error> {
    let list: Vec<&RawValue> =
        serde_json::from_str(json).map_err(|_| Error::BadRecord("headers must be a list".to_owned()))?;
    if list.len() > MAX_HEADERS {
        return Err(Error::BadRecord(format!("a record has {} headers, more than {MAX_HEADERS}", list.len())));
    }
    list.into_iter().map(|header| read_header(header.get(), name)).collect()
}

fn read_header(json: &str, name: &str) -> Result<Header, Error> {
    let members = Members::read(json, "a header", &[name, "value"])?;
    // librdkafka takes header names as C strings.
    let text = members.get(name).and_then(text).filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Error::BadRecord(format!("a header's {name} must be a string without NUL")))?;
    Ok(Header { name: text.into_owned(), value: members.get("value").map(|data| decode(data, "")).transpose()? })
}
