//! The project's sample rows.

use rand::Rng;
use shared::{json, kind::CATALOG, sample};

use super::{Post, Row};

/// The sample rows, by post.
#[derive(Debug)]
pub struct Sample {
    posts: Vec<Post>,
}

impl Sample {
    /// Groups the rows by post: every table has the same join keys in the same order.
    pub(super) fn new() -> Self {
        let mut posts: Vec<Post> = Vec::new();
        for kind in CATALOG {
            for (at, row) in sample::rows(kind.table).unwrap_or_default().lines().enumerate() {
                if posts.len() == at {
                    posts.push(Post::new());
                }
                posts[at].push(Ok(Row { kind, json: json::compact(row).into_owned() }));
            }
        }
        Self { posts }
    }

    pub(super) fn draw(&self, count: usize, rng: &mut impl Rng) -> Vec<Post> {
        (0..count).map(|_| self.posts[rng.random_range(0..self.posts.len())].clone()).collect()
    }
}
