//! The HTTP contract as data: requests, their responses, and the records then in Kafka. `README.md` defines the format; this
//! crate reads the files and runs them on any HTTP API.
//!
//! It depends on neither `ingest` nor Kafka: an [`Api`] sends the requests and reads the records.

mod answer;
mod content;
mod form;
mod json;
mod names;
mod need;
mod run;

use std::{fs, io, path::PathBuf};

pub use answer::Difference;
pub use form::{Record, Vector};
pub use names::Names;
pub use need::{Need, UnknownNeed};
pub use run::{Api, Outcome, Ran, run};

/// An error in the vector files.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum VectorError {
    #[error("{path}: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("{file}: {source}")]
    Form { file: String, source: serde_json::Error },
    #[error("{vector}: no request that HTTP can express: {source}")]
    NoRequest { vector: String, source: http::Error },
}

/// Reads every vector, in the order of the file names.
///
/// # Errors
/// When a file cannot be read or parsed.
pub fn all() -> Result<Vec<Vector>, VectorError> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let unreadable = |source| VectorError::Unreadable { path: folder.display().to_string(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    let mut vectors = Vec::new();
    for path in files {
        let unreadable = |source| VectorError::Unreadable { path: path.display().to_string(), source };
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut read: Vec<Vector> =
            serde_json::from_str(&text).map_err(|source| VectorError::Form { file: file.clone(), source })?;
        for vector in &mut read {
            vector.file.clone_from(&file);
        }
        vectors.append(&mut read);
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_vector_is_a_request_and_no_two_of_a_file_have_the_same_name() {
        let names = Names::new("u", &["u.pin".to_owned()]).passing_through("any");
        let vectors = all().unwrap();
        let mut seen = BTreeSet::new();
        for vector in &vectors {
            vector.request(&names).unwrap();
            assert!(seen.insert(vector.to_string()), "{vector}");
        }
        for need in Need::ALL {
            assert!(vectors.iter().any(|vector| vector.needs.contains(&need)), "nothing needs {}", need.name());
        }
    }
}
