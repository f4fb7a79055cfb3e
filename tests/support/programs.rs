//! A check that a released file contains nothing in which another build of the same commit would differ.

use super::template::workspace;

/// Asserts that a file contains neither the folder of its build, nor cargo's, nor the time.
pub(crate) fn assert_names_no_folder_and_no_date(name: &str, file: &[u8]) {
    let text = String::from_utf8_lossy(file);
    for folder in [workspace("").canonicalize().unwrap().display().to_string(), format!("{}/.cargo", env!("HOME"))] {
        if let Some(at) = text.find(&folder) {
            panic!("{name} names a folder of its build: {}", text[at..].chars().take(120).collect::<String>());
        }
    }
    // OpenSSL's words.
    for (at, date) in text.match_indices("built on: ") {
        let date: String = text[at + date.len()..].chars().take_while(|c| !c.is_control()).collect();
        assert_eq!(date, "Tue Jan  1 00:00:00 1980 UTC", "{name}");
    }
}
