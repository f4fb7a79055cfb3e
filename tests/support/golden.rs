//! Golden files: what others depend on, checked in, so that a change of it is a visible diff.

use std::{fmt::Write, fs, path::Path};

/// Holds `actual` to the file of that name in `tests/golden`.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    assert_all_golden(&[(name.to_owned(), actual.to_owned())]);
}

/// The same for several files, so that one run shows all that changed.
pub(crate) fn assert_all_golden(files: &[(String, String)]) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = tests.join("../target/golden");
    let mut changed = String::new();
    for (name, actual) in files {
        let expected = tests.join("golden").join(name);
        if fs::read_to_string(expected).is_ok_and(|expected| expected == *actual) {
            continue;
        }
        let file = found.join(name);
        fs::create_dir_all(&found).unwrap();
        fs::write(&file, actual).unwrap();
        writeln!(changed, "--- {name} is now\n{actual}\nIf that is meant: cp target/golden/{name} tests/golden/{name}")
            .unwrap();
    }
    assert!(changed.is_empty(), "{changed}");
}
