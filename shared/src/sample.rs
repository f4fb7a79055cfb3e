//! Sample rows: 877 posts of the course's database, as the course's public notebooks print them, and the order in which its
//! script sends them.

/// The rows of a table, one JSON object per line; `None` if there is no such table. Every table has the same join keys, each
/// once.
#[must_use]
pub fn rows(table: &str) -> Option<&'static str> {
    TABLES.iter().find_map(|(name, rows)| (*name == table).then_some(*rows))
}

/// The join keys that the course's script draws, in this order: Python's `randint(0, 11000)` after `seed(100)`, each preceded by
/// the `randrange(0, 2)` of its pause. It names every sample post, some of them twice; the script's next draw is not in the sample.
pub const COURSE_ORDER: &[u16] = &include!("../sample/course_order.json");

const TABLES: &[(&str, &str)] = &[
    ("pinterest_data", include_str!("../sample/pinterest_data.jsonl")),
    ("geolocation_data", include_str!("../sample/geolocation_data.jsonl")),
    ("user_data", include_str!("../sample/user_data.jsonl")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::CATALOG;

    #[test]
    fn each_post_has_a_valid_row_in_every_table() {
        let keys = |(table, rows): &(&str, &str)| -> Vec<i64> {
            let kind =
                CATALOG.iter().find(|kind| kind.table == *table).unwrap_or_else(|| panic!("no kind for {table}"));
            rows.lines().map(|row| kind.check(row).expect(row).0).collect()
        };
        let posts = keys(&TABLES[0]);
        assert_eq!(posts.len(), 877);
        for table in TABLES {
            assert_eq!(keys(table), posts, "{}", table.0);
        }
        let mut order: Vec<i64> = COURSE_ORDER.iter().copied().map(i64::from).collect();
        assert_eq!(order.len(), 909);
        order.sort_unstable();
        order.dedup();
        assert_eq!(order, posts, "the course's order names each of them");
    }
}
