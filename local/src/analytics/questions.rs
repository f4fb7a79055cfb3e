//! The questions of `analytics/`.

use serde::Serialize;

/// A question, in the names that the page reads.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Question {
    /// The name of its file in `analytics/`.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! question {
    ($name:literal) => {
        Question { name: $name, sql: include_str!(concat!("../../../analytics/", $name)) }
    };
}

/// All questions, in the order of their names.
pub(crate) static QUESTIONS: [Question; 8] = [
    question!("1-category-by-country.sql"),
    question!("2-categories-by-year.sql"),
    question!("3-most-followed-by-country.sql"),
    question!("4-category-by-age.sql"),
    question!("5-followers-by-age.sql"),
    question!("6-joined-by-year.sql"),
    question!("7-followers-by-joining-year.sql"),
    question!("8-followers-by-age-and-joining-year.sql"),
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_text_of_the_folder_is_a_question() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../analytics");
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, QUESTIONS.map(|question| question.name));
    }
}
