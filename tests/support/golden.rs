//! Golden files: output that others depend on is checked in, so a change shows as a diff.

use std::{fs, path::Path};

/// Compares `actual` with the file of that name in `tests/golden`.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = fs::read_to_string(tests.join("golden").join(name)).unwrap_or_default();
    if expected != actual {
        let found = tests.join("../target/golden");
        fs::create_dir_all(&found).unwrap();
        fs::write(found.join(name), actual).unwrap();
        panic!("{name} is now\n{actual}\nTo accept it: cp target/golden/{name} tests/golden/{name}");
    }
}
