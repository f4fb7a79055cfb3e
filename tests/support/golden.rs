//! Golden files: what others depend on, checked in, so that a change of it is a visible diff.

use std::{fs, path::Path};

/// Holds `actual` to the file of that name in `tests/golden`.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = fs::read_to_string(tests.join("golden").join(name)).unwrap_or_default();
    if expected != actual {
        let found = tests.join("../target/golden");
        fs::create_dir_all(&found).unwrap();
        fs::write(found.join(name), actual).unwrap();
        panic!("{name} is now\n{actual}\nIf that is meant: cp target/golden/{name} tests/golden/{name}");
    }
}
