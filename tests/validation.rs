//! Validated, never rewritten: every row of the sample arrives byte for byte. The vectors cover which other values are
//! accepted and rejected.

use axum::http::StatusCode;
use shared::{
    json::compact,
    kind::{CATALOG, Kind, Rule},
    sample,
};

use crate::support::{
    pipeline::{Pipeline, envelope},
    rows::parse,
};

#[tokio::test]
async fn every_sample_row_arrives_byte_for_byte_in_each_of_the_four_date_forms() {
    let pipeline = Pipeline::start().await;
    for kind in CATALOG {
        let mut sent = Vec::new();
        for form in 0..4 {
            let rows: Vec<String> =
                sample::rows(kind.table).unwrap().lines().map(|row| with_dates(kind, row, form)).collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let answer = pipeline.post(&format!("/topics/u.{kind}"), envelope(&rows)).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.body);
            sent.extend(rows.into_iter().map(|row| compact(row).into_owned()));
        }
        assert_eq!(sent.len(), 4 * 877);
        assert!(pipeline.values(&format!("u.{kind}")) == sent, "{kind}: another value, or another order");
    }
}

/// `2020-08-28 03:52:47` in one of the four forms; the rest of the row is unchanged.
fn with_dates(kind: &Kind, row: &str, form: usize) -> String {
    let dates = kind.fields.iter().filter(|field| field.rule == Rule::DateTime);
    dates.fold(row.to_owned(), |row, field| {
        let date = parse(&row)[field.name].as_str().unwrap().to_owned();
        let (day, time) = date.split_once(' ').unwrap();
        let [year, month, date_of_month] = day.split('-').collect::<Vec<_>>()[..] else { panic!("{date}") };
        let written = match form {
            0 => date.clone(),
            1 => format!("{day}T{time}"),
            2 => format!("{year}:{month}:{date_of_month} {time}"),
            _ => format!("{month}/{date_of_month}/{year}, {time}"),
        };
        row.replace(&date, &written)
    })
}
