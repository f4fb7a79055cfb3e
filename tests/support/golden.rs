//! Golden files: output that others depend on is checked in, so a change shows as a diff.

use std::fs;

use super::template::workspace;

/// Compares `actual` with the file of that name in `tests/golden`.
pub(crate) fn assert_golden(name: &str, actual: &str) {
    assert_same(&format!("tests/golden/{name}"), actual);
}

/// Compares `actual` with a file of the workspace.
pub(crate) fn assert_same(path: &str, actual: &str) {
    let expected = fs::read_to_string(workspace(path)).unwrap_or_default();
    if expected != actual {
        let found = workspace("target/golden").join(path.rsplit('/').next().unwrap());
        fs::create_dir_all(found.parent().unwrap()).unwrap();
        fs::write(&found, actual).unwrap();
        panic!(
            "{path} is now\n{actual}\nTo accept it: cp target/golden/{} {path}",
            found.file_name().unwrap().display()
        );
    }
}
